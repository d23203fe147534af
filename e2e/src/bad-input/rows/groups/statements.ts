/** What is said of a Group Key: altered, forged, or at the wrong time (protocol.md, "Group Key"). */
import type { GroupKeyDelivery, GroupKeyStatement } from '@cpns/contracts';
import { endStatement } from '@cpns/group-key';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { minted } from '../../../support/credentials';
import { flipped } from '../../../support/drafts';
import type { Expectation } from '../../row';
import type { World } from '../../world';
import { NOTHING, refused, type Altered } from './delivery-stage';
import {
  deliveryOf,
  nextOf,
  restated,
  serverOf,
  signerOf,
  stated,
  statementOf,
  type Recipient,
  type Signer,
} from './device-stage';

type Change = (statement: GroupKeyStatement) => Partial<GroupKeyStatement>;

const altered = (delivery: GroupKeyDelivery, change: Change): GroupKeyDelivery => {
  if (delivery.statement === undefined) throw new Error('a delivery without a statement');
  return { ...delivery, statement: { ...delivery.statement, ...change(delivery.statement) } };
};

const inStatement = (id: string, change: Change, expect: Expectation): Altered => ({
  id: `statement with ${id}`,
  item: 'an altered statement',
  alter: () => (delivery) => altered(delivery, change),
  expect,
});

const UNSIGNED = refused('SIGNATURE_INVALID');

/** The Server's statement, one field of it changed under its signature. */
export const ALTERED: readonly Altered[] = [
  inStatement('another group-id', () => ({ groupId: 'another-group' }), UNSIGNED),
  inStatement('an empty group-id', () => ({ groupId: '' }), refused('FIELD_MISSING', 'group_id')),
  inStatement('a group-id that is none', () => ({ groupId: '.hidden' }), refused('NAME_INVALID', 'group_id')),
  inStatement('a higher version', ({ version }) => ({ version: version + 1n }), UNSIGNED),
  inStatement('version 0', () => ({ version: 0n }), refused('FIELD_MISSING', 'version')),
  inStatement('another version before', () => ({ previous: 0n }), UNSIGNED),
  inStatement(
    'a version before that comes after',
    ({ version }) => ({ previous: version }),
    refused('FIELD_OUT_OF_RANGE', 'previous'),
  ),
  inStatement('a tree epoch', () => ({ treeEpoch: 1n }), refused('FIELD_OUT_OF_RANGE', 'tree_epoch')),
  inStatement('a tree revision', () => ({ treeRevision: 1n }), refused('FIELD_OUT_OF_RANGE', 'tree_revision')),
  inStatement('a later activate-at', ({ activateAt }) => ({ activateAt: activateAt + 1n }), UNSIGNED),
  inStatement('no activate-at', () => ({ activateAt: 0n }), refused('FIELD_MISSING', 'activate_at')),
  inStatement(
    'an activate-at beyond all time',
    () => ({ activateAt: 2n ** 63n }),
    refused('FIELD_OUT_OF_RANGE', 'activate_at'),
  ),
  inStatement('a later seal-until', ({ sealUntil }) => ({ sealUntil: sealUntil + 1n }), UNSIGNED),
  inStatement('no seal-until', () => ({ sealUntil: 0n }), refused('FIELD_MISSING', 'seal_until')),
  inStatement('another commitment', () => ({ commitment: randomBytes(32) }), UNSIGNED),
  inStatement('a commitment of 31 bytes', () => ({ commitment: randomBytes(31) }), refused('FIELD_SIZE', 'commitment')),
  inStatement(
    'the digest of a rekey message',
    () => ({ sharedDigest: randomBytes(32) }),
    refused('FIELD_OUT_OF_RANGE', 'shared_digest'),
  ),
  inStatement('a digest of 31 bytes', () => ({ sharedDigest: randomBytes(31) }), refused('FIELD_SIZE')),
  inStatement('another signature', ({ signature }) => ({ signature: flipped(signature) }), UNSIGNED),
  inStatement('no signature', () => ({ signature: NOTHING }), refused('FIELD_MISSING', 'signature')),
  inStatement(
    'a signature of 513 bytes',
    () => ({ signature: Buffer.alloc(513, 1) }),
    refused('FIELD_TOO_LONG', 'signature'),
  ),
  inStatement('no chain', () => ({ chain: [] }), refused('FIELD_MISSING', 'chain')),
  inStatement('a chain without its leaf', ({ chain }) => ({ chain: chain.slice(1) }), refused('CERTIFICATE_CHAIN')),
  inStatement(
    'a chain of five',
    ({ chain }) => ({ chain: Array.from({ length: 5 }, () => chain[0] ?? NOTHING) }),
    refused('FIELD_OUT_OF_RANGE', 'chain'),
  ),
  inStatement(
    'a certificate of over 8 KiB',
    ({ chain }) => ({ chain: [Buffer.alloc(8_193, 0x30), ...chain.slice(1)] }),
    refused('FIELD_TOO_LONG', 'chain'),
  ),
  {
    id: 'no statement',
    item: 'an altered statement',
    alter: () => (delivery) => ({ ...delivery, statement: undefined }),
    expect: refused('FIELD_MISSING', 'statement'),
  },
  {
    id: 'a rekey message besides',
    item: 'an altered statement',
    alter: () => (delivery) => ({ ...delivery, shared: Buffer.from([0x02, 0x00]) }),
    expect: refused('FIELD_OUT_OF_RANGE', 'shared'),
  },
  {
    id: 'the Server’s statement as the end of the group',
    item: 'an altered statement',
    alter: () => (delivery) => ({ ...altered(delivery, () => ({ commitment: NOTHING })), own: NOTHING }),
    expect: UNSIGNED,
  },
];

/** Everything that belongs to a new version is right; another than the Server signed it. */
const forged = (
  by: string,
  signer: (world: World, recipient: Recipient) => Signer | Promise<Signer>,
  expect: Expectation,
): Altered => ({
  id: `a new version that ${by} states`,
  item: 'a forged statement',
  alter:
    ({ world, recipient }) =>
    async (delivery) =>
      deliveryOf(recipient, nextOf(recipient, delivery), { signer: await signer(world, recipient) }),
  expect,
});

const UNEXPECTED = refused('PEER_UNEXPECTED');
const probeKey = ({ probe }: World): Signer => ({
  privateKey: createPrivateKey(probe.tls.key ?? ''),
  chain: probe.chain,
});

export const FORGED: readonly Altered[] = [
  forged('its gateway', probeKey, UNEXPECTED),
  forged(
    'its gateway’s CA',
    ({ probe }) => ({ privateKey: createPrivateKey(probe.caTls.key ?? ''), chain: probe.ca.chain }),
    refused('CERTIFICATE_ROLE'),
  ),
  forged('the KMC', ({ deployment }) => signerOf(deployment.pki.services.kmc), UNEXPECTED),
  forged('the SMF', ({ deployment }) => signerOf(deployment.pki.services.smf), UNEXPECTED),
  forged('an operator', ({ deployment }) => signerOf(deployment.pki.operator), UNEXPECTED),
  forged(
    'a Server whose certificate a gateway CA made',
    ({ probe, serverUri }) => minted(probe.ca, { profile: 'service', uri: serverUri }),
    refused('CERTIFICATE_ROLE'),
  ),
  forged(
    'a Server of another trust domain',
    ({ authorities }) =>
      minted(authorities.issuingCa, { profile: 'service', uri: 'cpns://other.example/service/cpns-server' }),
    refused('TRUST_DOMAIN'),
  ),
  forged(
    'its gateway under the Server’s certificate',
    (world) => ({ privateKey: probeKey(world).privateKey, chain: serverOf(world).chain }),
    UNSIGNED,
  ),
];

/** Statements of the Server's that come at the wrong time, or contradict each other. */
export const OUT_OF_TIME: readonly Altered[] = [
  {
    id: 'the delivery of the version before',
    item: 'a replayed or lower statement',
    alter:
      ({ old }) =>
      () =>
        old,
    expect: refused('STATEMENT_LOWER'),
  },
  {
    id: 'the version before, stated anew by the Server',
    item: 'a replayed or lower statement',
    alter:
      ({ world, old }) =>
      () =>
        restated(world, old, { sealUntil: statementOf(old).sealUntil + 60_000 }),
    expect: refused('STATEMENT_LOWER'),
  },
  {
    id: 'the version before, where the newest was asked for by its number',
    item: 'a replayed or lower statement',
    alter:
      ({ old }) =>
      () =>
        old,
    version: 2n,
    expect: refused('STATEMENT_CONFLICT'),
  },
  {
    id: 'another Group Key for the same version, stated by the Server',
    item: 'a replayed or lower statement',
    alter:
      ({ world }) =>
      (delivery) =>
        restated(world, delivery, { commitment: randomBytes(32) }),
    expect: refused('STATEMENT_CONFLICT'),
  },
  {
    id: 'the end of the group at a version that is over',
    item: 'a replayed or lower statement',
    alter:
      ({ world, recipient }) =>
      (delivery) => ({
        ...delivery,
        own: NOTHING,
        statement: stated(endStatement(recipient.groupId, 0n, Date.now()), serverOf(world)),
      }),
    expect: refused('STATEMENT_LOWER'),
  },
  {
    id: 'the end of the group with an envelope',
    item: 'a replayed or lower statement',
    alter:
      ({ world, recipient }) =>
      (delivery) => ({
        ...delivery,
        statement: stated(endStatement(recipient.groupId, 2n, Date.now()), serverOf(world)),
      }),
    expect: refused('FIELD_OUT_OF_RANGE', 'own'),
  },
  {
    id: 'the delivery of another group',
    item: 'an envelope for another group',
    alter:
      ({ other }) =>
      () =>
        other.honest(),
    expect: refused('STATEMENT_CONFLICT'),
  },
];
