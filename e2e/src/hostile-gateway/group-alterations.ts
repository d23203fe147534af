import { randomBytes } from 'node:crypto';
import type { GroupKeyDelivery, GroupKeyStatement } from '@cpns/contracts';
import { flipped } from '../support/drafts';
import type { Attempt } from './attempt';
import type { Alter } from '../support/group-member';
import type { Scene } from './scene';

type Change = (statement: GroupKeyStatement) => Partial<GroupKeyStatement>;

/** Every field of a statement, each changed by itself; a field that this project does not serve yet has its own refusal. */
const FIELDS: Readonly<Record<keyof GroupKeyStatement, { readonly change: Change; readonly reason: string }>> = {
  groupId: { change: () => ({ groupId: 'another-group' }), reason: 'SIGNATURE_INVALID' },
  version: { change: ({ version }) => ({ version: version + 1n }), reason: 'SIGNATURE_INVALID' },
  previous: { change: ({ version }) => ({ previous: version - 2n }), reason: 'SIGNATURE_INVALID' },
  treeEpoch: { change: () => ({ treeEpoch: 1n }), reason: 'FIELD_OUT_OF_RANGE' },
  treeRevision: { change: () => ({ treeRevision: 1n }), reason: 'FIELD_OUT_OF_RANGE' },
  activateAt: { change: ({ activateAt }) => ({ activateAt: activateAt + 1n }), reason: 'SIGNATURE_INVALID' },
  sealUntil: { change: ({ sealUntil }) => ({ sealUntil: sealUntil + 1n }), reason: 'SIGNATURE_INVALID' },
  commitment: { change: () => ({ commitment: randomBytes(32) }), reason: 'SIGNATURE_INVALID' },
  sharedDigest: { change: () => ({ sharedDigest: randomBytes(32) }), reason: 'FIELD_OUT_OF_RANGE' },
  signature: { change: ({ signature }) => ({ signature: flipped(signature) }), reason: 'SIGNATURE_INVALID' },
  chain: { change: ({ chain }) => ({ chain: chain.slice(1) }), reason: 'CERTIFICATE_CHAIN' },
};

export const altered = (delivery: GroupKeyDelivery, change: Change): GroupKeyDelivery => {
  const { statement } = delivery;
  if (statement === undefined) throw new Error('a delivery without a statement');
  return { ...delivery, statement: { ...statement, ...change(statement) } };
};

const pullHonestly = async (scene: Scene) => (await scene.groups.bystander()).pull();

/** A member of version 2, so that version and previous can both be made smaller. */
async function memberOfSecond(scene: Scene) {
  const victim = await scene.groups.victim();
  await scene.groups.nextVersion(victim.groupId);
  return victim;
}

const pulled = (name: string, alter: Alter, reason: string): Attempt => ({
  name,
  honest: pullHonestly,
  attempt: async (scene) => (await memberOfSecond(scene)).pullThrough(alter),
  reason,
});

/** Deliveries and contents altered on their way. */
export const GROUP_ALTERATIONS: readonly Attempt[] = [
  ...Object.entries(FIELDS).map(([field, { change, reason }]) =>
    pulled(`alters ${field} of the Server’s statement`, (delivery) => altered(delivery, change), reason),
  ),
  pulled(
    'takes the commitment out of the Server’s statement, as if the group had ended',
    (delivery) => ({ ...altered(delivery, () => ({ commitment: Buffer.alloc(0) })), own: Buffer.alloc(0) }),
    'SIGNATURE_INVALID',
  ),
  pulled(
    'alters the wrap in an envelope',
    ({ own, ...others }) => ({ ...others, own: flipped(own) }),
    'ENVELOPE_INVALID',
  ),
  pulled('leaves out the envelope', (delivery) => ({ ...delivery, own: Buffer.alloc(0) }), 'ENVELOPE_INVALID'),
  pulled('leaves out the statement', ({ own, shared }) => ({ statement: undefined, own, shared }), 'FIELD_MISSING'),
  pulled(
    'adds a rekey message that the Server did not make',
    (delivery) => ({ ...delivery, shared: Buffer.concat([Buffer.from([0x02]), randomBytes(64)]) }),
    'FIELD_OUT_OF_RANGE',
  ),
];
