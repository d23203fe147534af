import { parseContentHeader } from '@cpns/group-key';
import { flipped } from '@cpns/testing/bad-input';
import type { Tamper } from '../support/served-gateway';
import { departures, type Attempt } from './attempt';
import type { GroupMember } from '../support/group-member';
import type { GroupScene } from './group-scene';

const pullHonestly = async (scene: GroupScene) => (await scene.bystander()).pull();

/** A member that has version 2, and the delivery of version 1 that the gateway kept. */
async function withTheOldDelivery(scene: GroupScene) {
  const victim = await scene.member();
  const old = await victim.honest();
  await scene.nextVersion(victim.groupId);
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
async function sealedInTime(scene: GroupScene): Promise<GroupMember> {
  const victim = await scene.member({ sealPeriod: SEAL_PERIOD });
  await victim.pull();
  const { version } = parseContentHeader(await victim.seal('in time'));
  if (version !== 1n) throw new Error(`sealed with version ${version}`);
  await scene.nextVersion(victim.groupId);
  return victim;
}

const sealHonestly = async (scene: GroupScene) => {
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
async function conversation(scene: GroupScene) {
  const sender = await scene.member();
  const receiver = sender.beside(await scene.nextVersion(sender.groupId));
  await sender.pull();
  await receiver.pull();
  return { receiver, message: await sender.seal('a message') };
}

const openHonestly = async (scene: GroupScene) => {
  const { receiver, message } = await conversation(scene);
  return receiver.open(message);
};

/** Deliveries altered, swapped, used again or in another order, and messages on their way between members. */
export const GROUP_REPLAYS: readonly Attempt[] = [
  ...departures(pullHonestly, {
    'alters sealUntil of the Server’s statement': [
      'SIGNATURE_INVALID',
      async (scene) =>
        (await scene.member()).pullThrough(({ statement, ...others }) => ({
          ...others,
          statement: statement && { ...statement, sealUntil: statement.sealUntil + 1n },
        })),
    ],
    'gives a member the envelope of another member': [
      'ENVELOPE_INVALID',
      async (scene) => {
        const victim = await scene.member();
        const other = victim.beside(await scene.nextVersion(victim.groupId));
        return victim.pullThrough(async (delivery) => ({ ...delivery, own: (await other.honest()).own }));
      },
    ],
    'answers a pull with the whole delivery of another group': [
      'STATEMENT_CONFLICT',
      async (scene) => {
        const victim = await scene.member();
        const groupId = await scene.group([victim.device]);
        return victim.pullThrough(() => scene.served.honest(groupId, victim.entity));
      },
    ],
    'answers a pull with the delivery of the version before': [
      'STATEMENT_LOWER',
      async (scene) => {
        const { victim, old } = await withTheOldDelivery(scene);
        await victim.pull();
        return victim.pullThrough(() => old);
      },
    ],
    'goes on with a group after its end': [
      'GROUP_DELETED',
      async (scene) => {
        const victim = await scene.member();
        const alive = await victim.honest();
        await victim.pull();
        await victim.endsThrough(await scene.endOf(victim.groupId));
        return victim.through(
          () => alive,
          () => victim.pull(),
        );
      },
    ],
  }),
  ...departures(
    async (scene) => {
      const { victim, old } = await withTheOldDelivery(scene);
      return victim.watchThrough([old, await victim.honest()]);
    },
    {
      'pushes two versions in the wrong order': [
        'STATEMENT_LOWER',
        async (scene) => {
          const { victim, old } = await withTheOldDelivery(scene);
          return victim.watchThrough([await victim.honest(), old]);
        },
      ],
    },
  ),
  ...departures(sealHonestly, {
    'withholds a rekey by answering with the version before': [
      'SEAL_PERIOD_OVER',
      async (scene) => {
        const victim = await scene.member({ sealPeriod: SEAL_PERIOD });
        const old = await victim.honest();
        await victim.pull();
        await victim.seal('in time');
        await scene.nextVersion(victim.groupId);
        return sealLate(victim, () => old);
      },
    ],
    'has the Server state a version anew that has a successor, to withhold that for longer': [
      'SEAL_PERIOD_OVER',
      async (scene) => {
        const victim = await sealedInTime(scene);
        return sealLate(victim, () => victim.honest(1n));
      },
    ],
  }),
  ...departures(openHonestly, {
    'alters a message between members': [
      'CONTENT_INVALID',
      async (scene) => {
        const { receiver, message } = await conversation(scene);
        return receiver.open(flipped(message));
      },
    ],
    'hands over a message twice': [
      'CONTENT_REPLAYED',
      async (scene) => {
        const { receiver, message } = await conversation(scene);
        await receiver.open(message);
        return receiver.open(message);
      },
    ],
  }),
];
