import { randomBytes } from 'node:crypto';
import { type GroupKeyDelivery, checkStatement, statementMessage } from '@cpns/contracts';
import { GroupKey } from '@cpns/core';
import { deriveGroupKeyCommitment, makeEnvelope, signStatement, type Statement } from '@cpns/group-key';
import { departures, type Attempt } from './attempt';
import type { GroupMember } from '../support/group-member';
import type { GroupScene } from './group-scene';
import { identityOf, type Forger } from './ways';

/** The statement of a delivery with these fields changed, signed by the forger. */
function restated(
  delivery: GroupKeyDelivery,
  { privateKey, chain }: Forger,
  change: Partial<Statement> = {},
): GroupKeyDelivery {
  const statement = { ...checkStatement(delivery.statement).statement, ...change };
  return {
    ...delivery,
    statement: statementMessage({ statement, signature: signStatement(privateKey, statement), chain }),
  };
}

/** A Group Key that the gateway made, with everything that belongs to it: nothing but the signer is wrong. */
export function ownGroupKey({ device, groupId }: GroupMember, delivery: GroupKeyDelivery, forger: Forger) {
  const { statement } = checkStatement(delivery.statement);
  const version = statement.version + 1n;
  const groupKey = new GroupKey(randomBytes(32));
  const commitment = deriveGroupKeyCommitment(groupKey, groupId, version);
  const own = makeEnvelope(device.secret, device.keyId, { groupId, version, entity: device.entity }, groupKey);
  return restated({ ...delivery, own }, forger, { version, previous: statement.version, commitment });
}

/** The gateway assigned this member's key, so that it can wrap whatever it likes for it. */
const member = (scene: GroupScene) => scene.member({ assigner: 'hostile' });

const pullHonestly = async (scene: GroupScene) => (await scene.bystander('hostile')).pull();

/** Group Keys of the gateway’s own making, and ends of groups that did not end; every signer is in the SDK's specs. */
export const GROUP_FORGERIES: readonly Attempt[] = [
  ...departures(pullHonestly, {
    'makes a Group Key and states it with its own identity': [
      'PEER_UNEXPECTED',
      async (scene) => {
        const victim = await member(scene);
        return victim.pullThrough((delivery) => ownGroupKey(victim, delivery, identityOf(scene)));
      },
    ],
    'wraps a Group Key of its own for a member that it assigns, under the Server’s statement': [
      'COMMITMENT_MISMATCH',
      async (scene) => {
        const victim = await member(scene);
        const { entity, secret, keyId } = victim.device;
        return victim.pullThrough((delivery) => {
          const { groupId, version } = checkStatement(delivery.statement).statement;
          const own = makeEnvelope(secret, keyId, { groupId, version, entity }, new GroupKey(randomBytes(32)));
          return { ...delivery, own };
        });
      },
    ],
  }),
  ...departures(
    async (scene) => {
      const victim = await member(scene);
      return victim.watchThrough([await victim.honest()]);
    },
    {
      'pushes a Group Key that it made to a member that watches': [
        'PEER_UNEXPECTED',
        async (scene) => {
          const victim = await member(scene);
          return victim.watchThrough([ownGroupKey(victim, await victim.honest(), identityOf(scene))]);
        },
      ],
    },
  ),
  ...departures(endHonestly, {
    'states the end of a group itself': [
      'PEER_UNEXPECTED',
      async (scene) => {
        const victim = await member(scene);
        await victim.pull();
        return victim.pullThrough((delivery) => {
          const { version } = checkStatement(delivery.statement).statement;
          const end = { version: version + 1n, previous: version, commitment: Buffer.alloc(0) };
          return restated({ ...delivery, own: Buffer.alloc(0) }, identityOf(scene), end);
        });
      },
    ],
  }),
];

/** The Server's own end of a group, as the gateway's delivery channel brings it: the member believes it. */
async function endHonestly(scene: GroupScene): Promise<void> {
  const victim = await member(scene);
  await victim.pull();
  await victim.endsThrough(await scene.endOf(victim.groupId));
}
