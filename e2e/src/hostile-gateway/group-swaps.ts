import type { GroupKeyDelivery } from '@cpns/contracts';
import { parseEnvelope } from '@cpns/group-key';
import { keyIdBytes } from '@cpns/key-derivation';
import type { Attempt } from './attempt';
import type { GroupMember } from '../support/group-member';
import type { Scene } from './scene';

const pullHonestly = async (scene: Scene) => (await scene.groups.bystander()).pull();

/** An envelope with another name and key-id on it; the wrap stays what it is. */
export function readdressed(own: Buffer, { device: { entity, keyId } }: GroupMember): Buffer {
  const name = Buffer.from(entity);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(name.length);
  return Buffer.concat([Buffer.from([0x01]), length, name, keyIdBytes(keyId), parseEnvelope(own).wrap]);
}

/** Two members of one group, behind the gateway. */
async function pair(scene: Scene) {
  const victim = await scene.groups.victim();
  const other = await scene.groups.nextVersion(victim.groupId);
  const envelope = async (): Promise<Buffer> => (await scene.groups.served.honest(victim.groupId, other.entity)).own;
  return { victim, envelope };
}

const withOwn = (delivery: GroupKeyDelivery, own: Buffer): GroupKeyDelivery => ({ ...delivery, own });

/** Envelopes that the Server made, given to another member, for another group or another version. */
export const GROUP_SWAPS: readonly Attempt[] = [
  {
    name: 'gives a member the envelope of another member',
    honest: pullHonestly,
    attempt: async (scene) => {
      const { victim, envelope } = await pair(scene);
      return victim.pullThrough(async (delivery) => withOwn(delivery, await envelope()));
    },
    reason: 'ENVELOPE_INVALID',
  },
  {
    name: 'writes the member’s name on the envelope of another member',
    honest: pullHonestly,
    attempt: async (scene) => {
      const { victim, envelope } = await pair(scene);
      return victim.pullThrough(async (delivery) => withOwn(delivery, readdressed(await envelope(), victim)));
    },
    reason: 'ENVELOPE_INVALID',
  },
  {
    name: 'gives a member its envelope of another group',
    honest: pullHonestly,
    attempt: async (scene) => {
      const victim = await scene.groups.victim();
      const groupId = await scene.groups.group([victim.device]);
      const { own } = await scene.groups.served.honest(groupId, victim.entity);
      return victim.pullThrough((delivery) => withOwn(delivery, own));
    },
    reason: 'ENVELOPE_INVALID',
  },
  {
    name: 'answers a pull with the whole delivery of another group',
    honest: pullHonestly,
    attempt: async (scene) => {
      const victim = await scene.groups.victim();
      const groupId = await scene.groups.group([victim.device]);
      return victim.pullThrough(() => scene.groups.served.honest(groupId, victim.entity));
    },
    reason: 'STATEMENT_CONFLICT',
  },
  {
    name: 'gives a member its envelope of the version before',
    honest: pullHonestly,
    attempt: async (scene) => {
      const victim = await scene.groups.victim();
      const { own } = await victim.honest();
      await scene.groups.nextVersion(victim.groupId);
      return victim.pullThrough((delivery) => withOwn(delivery, own));
    },
    reason: 'ENVELOPE_INVALID',
  },
  {
    name: 'puts the envelope of the newest version under the statement of the version before',
    honest: pullHonestly,
    attempt: async (scene) => {
      const victim = await scene.groups.victim();
      const { statement } = await victim.honest();
      await scene.groups.nextVersion(victim.groupId);
      return victim.pullThrough((delivery) => ({ ...delivery, statement }));
    },
    reason: 'ENVELOPE_INVALID',
  },
  {
    name: 'answers a pull of one version with another version',
    honest: async (scene) => {
      const victim = await scene.groups.victim();
      await victim.pull();
      await scene.groups.nextVersion(victim.groupId);
      await victim.pull();
      return victim.pull(1n);
    },
    attempt: async (scene) => {
      const victim = await scene.groups.victim();
      await scene.groups.nextVersion(victim.groupId);
      await scene.groups.nextVersion(victim.groupId);
      await victim.pull();
      return victim.pullThrough(() => victim.honest(1n), 2n);
    },
    reason: 'STATEMENT_CONFLICT',
  },
];
