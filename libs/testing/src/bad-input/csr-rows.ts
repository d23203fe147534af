/** What a CSR can be besides sound, and names that one asks for without being admitted under them (RFC 2986; X.690). */
import { derToPem } from '@cpns/certificate-issuance';
import { EntityUserKeyServiceService } from '@cpns/contracts';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { opensslCsr, type OpensslCsr } from './csrs';
import { flipped } from './drafts';
import { row } from './row';
import {
  assignmentRows,
  ENROLLING,
  FORWARDED,
  GATEWAY_ASSIGNS,
  GATEWAY_ASSIGNS_CERTIFICATE,
  RELAYED,
  soundCsr,
  type AlteredAssignment,
  type KeyRow,
} from './stages';
import type { KeyWorld } from './world';

/** Under the key of the sound one, so that only the request itself is wrong. */
const altered = (change: (csr: Buffer) => Buffer) => (): OpensslCsr => ({ ...soundCsr(), csr: change(soundCsr().csr) });

/** The outer length in one byte more than it needs (X.690, 10.1). */
function longLength(csr: Buffer): Buffer {
  const [tag = 0, first = 0] = csr;
  if (first < 0x81 || first > 0x83) throw new Error('expected a length in the long form');
  return Buffer.concat([Buffer.from([tag, first + 1, 0x00]), csr.subarray(2)]);
}

const made = new Map<string, OpensslCsr>();
const withKey = (name: string, key: () => KeyObject) => (): OpensslCsr => {
  const known = made.get(name) ?? opensslCsr([], key());
  made.set(name, known);
  return known;
};
const ec = (namedCurve: string) => () => generateKeyPairSync('ec', { namedCurve }).privateKey;
const rsa1024 = () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;

const BAD: readonly (readonly [id: string, item: string, reason: string, csr: () => OpensslCsr])[] = [
  [
    'CSR in PEM',
    'a CSR that is not DER',
    'CSR_NOT_DER',
    altered((csr) => Buffer.from(derToPem(csr, 'CERTIFICATE REQUEST'))),
  ],
  ['CSR in BER', 'a CSR that is not DER', 'CSR_NOT_DER', altered(longLength)],
  ['CSR cut off', 'a CSR that is not DER', 'CSR_NOT_DER', altered((csr) => csr.subarray(0, -1))],
  ['CSR with a broken signature', 'a CSR with a broken signature', 'CSR_SIGNATURE', altered(flipped)],
  ['CSR with a key of RSA-1024', 'a CSR with a weak key', 'CSR_WEAK_KEY', withKey('RSA-1024', rsa1024)],
  ['CSR with a key of P-384', 'a CSR with a weak key', 'CSR_WEAK_KEY', withKey('P-384', ec('P-384'))],
  ['CSR with a key of secp256k1', 'a CSR with a weak key', 'CSR_WEAK_KEY', withKey('secp256k1', ec('secp256k1'))],
  [
    'CSR with a byte after it',
    'a CSR with trailing bytes',
    'CSR_TRAILING_BYTES',
    altered((csr) => Buffer.concat([csr, Buffer.of(0)])),
  ],
];

const inRequest = BAD.map(([id, item, reason, csr]): AlteredAssignment => ({
  id,
  item,
  form: 'key-pair',
  draft: (draft) => ({ ...draft, key: csr() }),
  expect: `INVALID_ARGUMENT/${reason}`,
}));

const provision = (world: KeyWorld, csr: Buffer): Promise<unknown> =>
  world
    .wire('Server certificate', 'PN GW')
    .call(EntityUserKeyServiceService.provisionGateway, { information: { $case: 'caCsr', value: csr } });

/** EUK-GW-P step 1: the CSR of a gateway CA. */
const inProvisioning = BAD.map(([id, item, reason, csr]): KeyRow =>
  row({
    id: `${id} (gateway CA asked for)`,
    item,
    at: 'Server certificate',
    expect: `INVALID_ARGUMENT/${reason}`,
    arrange: (world: KeyWorld) => Promise.resolve(world),
    // a key of its own, since two requests for one certificate at the same time are told to come again
    good: (world) => provision(world, opensslCsr().csr),
    bad: (world) => provision(world, csr().csr),
  }),
);

/** What a CSR asks for that an entity was not admitted under. */
const WRONG_NAMES: readonly (readonly [id: string, item: string, names: (entity: string) => readonly string[]])[] = [
  [
    'CSR that asks for a name of another PN',
    'a SAN of another PN',
    (entity) => [`URI:${entity.replace(/\/\/[a-z0-9-]+\./, '//pn2.')}`],
  ],
  ['CSR that asks for two names', 'two SANs', (entity) => [`URI:${entity}`, `URI:${entity}x`]],
  ['CSR that asks for its own name twice', 'two SANs', (entity) => [`URI:${entity}`, `URI:${entity}`]],
  ['CSR that asks for a DNS name', 'a DNS SAN', () => ['DNS:camera.example']],
  ['CSR that asks for a DNS name besides', 'a DNS SAN', (entity) => [`URI:${entity}`, 'DNS:camera.example']],
  [
    'CSR with user information before the host',
    'a user-info trick',
    (entity) => [`URI:${entity.replace(/\/\/([a-z0-9-]+)\.([^/]+)/, '//$1.$2:x@pn2.$2')}`],
  ],
  [
    'CSR with a step up in its path',
    'a path trick',
    (entity) => [`URI:${entity.replace(/([^/])\/([^/])/, '$1/x/../$2')}`],
  ],
];

const askingFor = WRONG_NAMES.map(([id, item, names]): AlteredAssignment => ({
  id,
  item,
  form: 'key-pair',
  draft: (draft) => ({ ...draft, key: opensslCsr(names(draft.entity)) }),
  expect: 'INVALID_ARGUMENT/CSR_NAME_MISMATCH',
}));

export const CSR_ROWS: readonly KeyRow[] = [
  ...assignmentRows([GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, RELAYED, ENROLLING], inRequest),
  ...inProvisioning,
  ...assignmentRows([GATEWAY_ASSIGNS, FORWARDED, RELAYED, ENROLLING], askingFor),
];
