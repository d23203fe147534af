/** What a CSR can be besides sound, and names that one asks for without being admitted under them. */
import { derToPem } from '@cpns/certificate-issuance';
import { EntityUserKeyServiceService } from '@cpns/contracts';
import { opensslCsr, type CsrKey, type OpensslCsr } from '../../support/csrs';
import { flipped, type AssignmentDraft } from '../../support/drafts';
import { row, type Expectation, type Item, type Row } from '../row';
import type { World } from '../world';
import {
  assignmentRows,
  ENROLLING,
  FORWARDED,
  GATEWAY_ASSIGNS,
  GATEWAY_ASSIGNS_CERTIFICATE,
  RELAYED,
  soundCsr,
  type AlteredAssignment,
} from './assignment-stage';

interface BadCsr {
  readonly id: string;
  readonly item: Item;
  readonly clause: string;
  readonly csr: () => OpensslCsr;
  readonly reason: 'CSR_NOT_DER' | 'CSR_SIGNATURE' | 'CSR_WEAK_KEY' | 'CSR_TRAILING_BYTES';
}

/** Under the key of the sound one, so that only the request itself is wrong. */
const altered = (change: (csr: Buffer) => Buffer) => (): OpensslCsr => {
  const { csr, spki } = soundCsr();
  return { csr: change(csr), spki };
};

/** The outer length in one byte more than it needs (X.690, 10.1). */
function longLength(csr: Buffer): Buffer {
  const [tag = 0, first = 0] = csr;
  if (first < 0x81 || first > 0x83) throw new Error('expected a length in the long form');
  return Buffer.concat([Buffer.from([tag, first + 1, 0x00]), csr.subarray(2)]);
}

const made = new Map<string, OpensslCsr>();
const withKey = (key: CsrKey) => (): OpensslCsr => {
  const name = JSON.stringify(key);
  const known = made.get(name) ?? opensslCsr([], key);
  made.set(name, known);
  return known;
};

const weak = (id: string, key: CsrKey): BadCsr => ({
  id: `CSR with a key of ${id}`,
  item: 'a CSR with a weak key',
  clause: 'protocol, Certificates',
  csr: withKey(key),
  reason: 'CSR_WEAK_KEY',
});

const BAD_CSRS: readonly BadCsr[] = [
  {
    id: 'CSR in PEM',
    item: 'a CSR that is not DER',
    clause: 'RFC 2986',
    csr: altered((csr) => Buffer.from(derToPem(csr, 'CERTIFICATE REQUEST'))),
    reason: 'CSR_NOT_DER',
  },
  {
    id: 'CSR in BER',
    item: 'a CSR that is not DER',
    clause: 'X.690, 10.1',
    csr: altered(longLength),
    reason: 'CSR_NOT_DER',
  },
  {
    id: 'CSR cut off',
    item: 'a CSR that is not DER',
    clause: 'RFC 2986',
    csr: altered((csr) => csr.subarray(0, -1)),
    reason: 'CSR_NOT_DER',
  },
  {
    id: 'CSR with a broken signature',
    item: 'a CSR with a broken signature',
    clause: 'RFC 2986, 3',
    csr: altered(flipped),
    reason: 'CSR_SIGNATURE',
  },
  weak('RSA-1024', { rsaBits: 1024 }),
  weak('P-384', { curve: 'P-384' }),
  weak('secp256k1', { curve: 'secp256k1' }),
  {
    id: 'CSR with a byte after it',
    item: 'a CSR with trailing bytes',
    clause: 'X.690, 8.1',
    csr: altered((csr) => Buffer.concat([csr, Buffer.from([0])])),
    reason: 'CSR_TRAILING_BYTES',
  },
];

const INVALID = (reason: BadCsr['reason'] | 'CSR_NAME_MISMATCH'): Expectation => ({
  code: 'INVALID_ARGUMENT',
  reason,
});

const inRequest = ({ id, item, clause, csr, reason }: BadCsr): AlteredAssignment => ({
  id,
  item,
  clause,
  form: 'key-pair',
  draft: (draft) => ({ ...draft, key: csr() }),
  expect: INVALID(reason),
});

/** EUK-GW-P step 1: the CSR of a gateway CA. */
const inProvisioning = ({ id, item, clause, csr, reason }: BadCsr): Row =>
  row<World>({
    id: `${id} (gateway CA asked for)`,
    item,
    clause,
    at: 'Server certificate',
    expect: INVALID(reason),
    arrange: (world) => Promise.resolve(world),
    // a key of its own, since two requests for one certificate at the same time are told to come again
    good: (world) => provision(world, opensslCsr().csr),
    bad: (world) => provision(world, csr().csr),
  });

const provision = (world: World, csr: Buffer): Promise<unknown> =>
  world.probe.server.call(EntityUserKeyServiceService.provisionGateway, {
    information: { $case: 'caCsr', value: csr },
  });

interface WrongName {
  readonly id: string;
  readonly item: Item;
  readonly clause: string;
  readonly names: (draft: AssignmentDraft, world: World) => readonly string[];
}

/** pn-id and trust domain of E, and what follows. */
function partsOf(entity: string): { pn: string; path: string } {
  const [, pn = '', path = ''] = /^cpns:\/\/([^/]+)(\/.*)$/.exec(entity) ?? [];
  return { pn, path };
}

const WRONG_NAMES: readonly WrongName[] = [
  {
    id: 'CSR that asks for a name of another PN',
    item: 'a SAN of another PN',
    clause: 'EUK-ASSOC',
    names: ({ entity }) => [`URI:${entity.replace(/^cpns:\/\/[a-z0-9-]+\./, 'cpns://pn2.')}`],
  },
  {
    id: 'CSR that asks for two names',
    item: 'two SANs',
    clause: 'protocol, Names',
    names: ({ entity }) => [`URI:${entity}`, `URI:${entity}x`],
  },
  {
    id: 'CSR that asks for its own name twice',
    item: 'two SANs',
    clause: 'protocol, Names',
    names: ({ entity }) => [`URI:${entity}`, `URI:${entity}`],
  },
  {
    id: 'CSR that asks for a DNS name',
    item: 'a DNS SAN',
    clause: 'protocol, Names',
    names: () => ['DNS:camera.example'],
  },
  {
    id: 'CSR that asks for a DNS name besides',
    item: 'a DNS SAN',
    clause: 'protocol, Names',
    names: ({ entity }) => [`URI:${entity}`, 'DNS:camera.example'],
  },
  {
    id: 'CSR with user information before the host',
    item: 'a user-info trick',
    clause: 'protocol, Names',
    names: ({ entity }) => {
      const { pn, path } = partsOf(entity);
      return [`URI:cpns://${pn}:x@pn2.${pn.replace(/^[a-z0-9-]+\./, '')}${path}`];
    },
  },
  {
    id: 'CSR with a step up in its path',
    item: 'a path trick',
    clause: 'protocol, Names',
    names: ({ entity }) => {
      const { pn, path } = partsOf(entity);
      return [`URI:cpns://${pn}/x/..${path}`];
    },
  },
];

const askingFor = ({ id, item, clause, names }: WrongName): AlteredAssignment => ({
  id,
  item,
  clause,
  form: 'key-pair',
  draft: (draft, world) => ({ ...draft, key: opensslCsr(names(draft, world)) }),
  expect: INVALID('CSR_NAME_MISMATCH'),
});

export const CSR_ROWS: readonly Row[] = [
  ...assignmentRows([GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, RELAYED, ENROLLING], BAD_CSRS.map(inRequest)),
  ...BAD_CSRS.map(inProvisioning),
  ...assignmentRows([GATEWAY_ASSIGNS, FORWARDED, RELAYED, ENROLLING], WRONG_NAMES.map(askingFor)),
];
