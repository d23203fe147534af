/** What a CSR can be besides sound, and names that one asks for without being admitted under them (RFC 2986; X.690). */
import { derToPem } from '@cpns/certificate-issuance';
import { EntityUserKeyServiceService } from '@cpns/contracts';
import type { Reason } from '@cpns/core';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { assignmentRows, type AlteredAssignment } from './altered';
import { opensslCsr, type OpensslCsr } from './credentials';
import { extended, flipped } from './drafts';
import { row } from './row';
import { BY_CERTIFICATE, ENROLLING, FORWARDED, GATEWAY_ASSIGNS, RELAYED, soundCsr, type KeyRow } from './stages';
import type { CastWorld } from './world';

/** Under the key of the sound one, so that only the request itself is wrong. */
const altered = (change: (csr: Buffer) => Buffer) => (): OpensslCsr => ({ ...soundCsr(), csr: change(soundCsr().csr) });
const toPem = (csr: Buffer): Buffer => Buffer.from(derToPem(csr, 'CERTIFICATE REQUEST'));

/** The outer length in one byte more than it needs (X.690, 10.1). */
function longLength(csr: Buffer): Buffer {
  const [tag = 0, first = 0] = csr;
  if (first < 0x81 || first > 0x83) throw new Error('expected a length in the long form');
  return Buffer.concat([Buffer.from([tag, first + 1, 0x00]), csr.subarray(2)]);
}

/** Made once: a key of 1,024 bits of RSA takes its time. */
function withKey(key: () => KeyObject): () => OpensslCsr {
  let made: OpensslCsr | undefined;
  return () => (made ??= opensslCsr([], key()));
}
const ec = (namedCurve: string) => withKey(() => generateKeyPairSync('ec', { namedCurve }).privateKey);
const rsa1024 = withKey(() => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
const WEAK = 'a CSR with a weak key';
const NOT_DER = 'a CSR that is not DER';

const BAD: readonly (readonly [id: string, item: string, reason: Reason, csr: () => OpensslCsr])[] = [
  ['CSR in PEM', NOT_DER, 'CSR_NOT_DER', altered(toPem)],
  ['CSR in BER', NOT_DER, 'CSR_NOT_DER', altered(longLength)],
  ['CSR cut off', NOT_DER, 'CSR_NOT_DER', altered((csr) => csr.subarray(0, -1))],
  ['CSR with a broken signature', 'a CSR with a broken signature', 'CSR_SIGNATURE', altered(flipped)],
  ['CSR with a key of RSA-1024', WEAK, 'CSR_WEAK_KEY', rsa1024],
  ['CSR with a key of P-384', WEAK, 'CSR_WEAK_KEY', ec('P-384')],
  ['CSR with a key of secp256k1', WEAK, 'CSR_WEAK_KEY', ec('secp256k1')],
  ['CSR with a byte after it', 'a CSR with trailing bytes', 'CSR_TRAILING_BYTES', altered(extended)],
];

const provision = (world: CastWorld, value: Buffer): Promise<unknown> =>
  world
    .wire('Server certificate', 'PN GW')
    .call(EntityUserKeyServiceService.provisionGateway, { information: { $case: 'caCsr', value } });

/** EUK-GW-P step 1: the CSR of a gateway CA. */
const inProvisioning = BAD.map(([id, item, expect, csr]): KeyRow =>
  row([`${id} (gateway CA asked for)`, item, expect], 'Server certificate', (world) => ({
    // a key of its own, since two requests for one certificate at the same time are told to come again
    good: () => provision(world, opensslCsr().csr),
    bad: () => provision(world, csr().csr),
  })),
);

const HOST = /\/\/([a-z0-9-]+)\.([^/]+)/;
/** What a CSR asks for that an entity was not admitted under. */
const WRONG_NAMES: readonly (readonly [id: string, item: string, names: (entity: string) => readonly string[]])[] = [
  ['CSR that asks for a name of another PN', 'a SAN of another PN', (e) => [e.replace(/\/\/[a-z0-9-]+\./, '//pn2.')]],
  ['CSR that asks for two names', 'two SANs', (e) => [e, `${e}x`]],
  ['CSR that asks for its own name twice', 'two SANs', (e) => [e, e]],
  ['CSR that asks for a DNS name', 'a DNS SAN', () => ['DNS:camera.example']],
  ['CSR that asks for a DNS name besides', 'a DNS SAN', (e) => [e, 'DNS:camera.example']],
  ['CSR with user information before the host', 'a user-info trick', (e) => [e.replace(HOST, '//$1.$2:x@pn2.$2')]],
  ['CSR with a step up in its path', 'a path trick', (e) => [e.replace(/([^/])\/([^/])/, '$1/x/../$2')]],
];

const asking = (names: readonly string[]) => opensslCsr(names.map((name) => name.replace(/^cpns:/, 'URI:$&')));
const askingFor = WRONG_NAMES.map(([id, item, names]): AlteredAssignment => {
  return [id, item, 'CSR_NAME_MISMATCH', ({ entity }) => ({ key: asking(names(entity)) })];
});
const inRequest = BAD.map(([id, item, reason, csr]): AlteredAssignment => [id, item, reason, () => ({ key: csr() })]);

export const CSR_ROWS: readonly KeyRow[] = [
  ...assignmentRows([GATEWAY_ASSIGNS, BY_CERTIFICATE, RELAYED, ENROLLING], inRequest, 'key-pair'),
  ...inProvisioning,
  ...assignmentRows([GATEWAY_ASSIGNS, FORWARDED, RELAYED, ENROLLING], askingFor, 'key-pair'),
];
