import { parseContentHeader } from '@cpns/group-key';
import { flipped } from '@cpns/testing/bad-input';
import type { Tamper } from '../support/served-gateway';
import type { Attempt } from './attempt';
import type { GroupMember } from '../support/group-member';
import type { Scene } from './scene';

const pullHonestly = async (scene: Scene) => (await scene.groups.bystander()).pull();

/** A member that has version 2, and the delivery of version 1 that the gateway kept. */
async function withTheOldDelivery(scene: Scene) {
  const victim = await scene.groups.victim();
  const old = await victim.honest();
  await scene.groups.nextVersion(victim.groupId);
  return { victim, old };
}

/** As short as a group may have it, and long enough for a pull on a busy machine; milliseconds. */
const SEAL_PERIOD = 3_000;

/** Waits until a seal period that began now is over. */
const afterSealPeriod = () => new Promise((resolve) => setTimeout(resolve, SEAL_PERIOD + 50));

/**
 * A member with version 1 seals; then another leaves it behind with version 2, and the gateway has its way until the seal
 * period of version 1 is over.
 */
async function sealedInTime(scene: Scene): Promise<GroupMember> {
  const victim = await scene.groups.victim({ sealPeriod: SEAL_PERIOD });
  await victim.pull();
  const { version } = parseContentHeader(await victim.seal('in time'));
  if (version !== 1n) throw new Error(`sealed with version ${version}`);
  await scene.groups.nextVersion(victim.groupId);
  return victim;
}

const sealHonestly = async (scene: Scene) => {
  const victim = await sealedInTime(scene);
  await afterSealPeriod();
  return victim.seal('by the version that came meanwhile');
};

/** Seals once the seal period is over, with the gateway doing as it likes at every pull. */
async function sealLate(victim: GroupMember, tamper: Tamper): Promise<unknown> {
  await afterSealPeriod();
  return victim.through(tamper, () => victim.seal('too late'));
}

/** A message of a member, and another member that opens it. */
async function conversation(scene: Scene) {
  const sender = await scene.groups.victim();
  const receiver = sender.beside(await scene.groups.nextVersion(sender.groupId));
  await sender.pull();
  await receiver.pull();
  return { receiver, message: await sender.seal('a message') };
}

const openHonestly = async (scene: Scene) => {
  const { receiver, message } = await conversation(scene);
  return receiver.open(message);
};

/** Deliveries altered, swapped, used again or in another order, and messages on their way between members. */
export const GROUP_REPLAYS: readonly Attempt[] = [
  {
    name: 'alters sealUntil of the Server’s statement',
    honest: pullHonestly,
    attempt: async (scene) =>
      (await scene.groups.victim()).pullThrough(({ statement, ...others }) => ({
        ...others,
        statement: statement && { ...statement, sealUntil: statement.sealUntil + 1n },
      })),
    reason: 'SIGNATURE_INVALID',
  },
  {
    name: 'gives a member the envelope of another member',
    honest: pullHonestly,
    attempt: async (scene) => {
      const victim = await scene.groups.victim();
      const other = victim.beside(await scene.groups.nextVersion(victim.groupId));
      return victim.pullThrough(async (delivery) => ({ ...delivery, own: (await other.honest()).own }));
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
    name: 'answers a pull with the delivery of the version before',
    honest: pullHonestly,
    attempt: async (scene) => {
      const { victim, old } = await withTheOldDelivery(scene);
      await victim.pull();
      return victim.pullThrough(() => old);
    },
    reason: 'STATEMENT_LOWER',
  },
  {
    name: 'pushes two versions in the wrong order',
    honest: async (scene) => {
      const { victim, old } = await withTheOldDelivery(scene);
      return victim.watchThrough([old, await victim.honest()]);
    },
    attempt: async (scene) => {
      const { victim, old } = await withTheOldDelivery(scene);
      return victim.watchThrough([await victim.honest(), old]);
    },
    reason: 'STATEMENT_LOWER',
  },
  {
    name: 'goes on with a group after its end',
    honest: pullHonestly,
    attempt: async (scene) => {
      const victim = await scene.groups.victim();
      const alive = await victim.honest();
      await victim.pull();
      await victim.endsThrough(await scene.groups.endOf(victim.groupId));
      return victim.through(
        () => alive,
        () => victim.pull(),
      );
    },
    reason: 'GROUP_DELETED',
  },
  {
    name: 'withholds a rekey by answering with the version before',
    honest: sealHonestly,
    attempt: async (scene) => {
      const victim = await scene.groups.victim({ sealPeriod: SEAL_PERIOD });
      const old = await victim.honest();
      await victim.pull();
      await victim.seal('in time');
      await scene.groups.nextVersion(victim.groupId);
      return sealLate(victim, () => old);
    },
    reason: 'SEAL_PERIOD_OVER',
  },
  {
    name: 'has the Server state a version anew that has a successor, to withhold that for longer',
    honest: sealHonestly,
    attempt: async (scene) => {
      const victim = await sealedInTime(scene);
      return sealLate(victim, () => victim.honest(1n));
    },
    reason: 'SEAL_PERIOD_OVER',
  },
  {
    name: 'alters a message between members',
    honest: openHonestly,
    attempt: async (scene) => {
      const { receiver, message } = await conversation(scene);
      return receiver.open(flipped(message));
    },
    reason: 'CONTENT_INVALID',
  },
  {
    name: 'hands over a message twice',
    honest: openHonestly,
    attempt: async (scene) => {
      const { receiver, message } = await conversation(scene);
      await receiver.open(message);
      return receiver.open(message);
    },
    reason: 'CONTENT_REPLAYED',
  },
];
