/** Ids and names that are empty, over-long or outside their pattern (protocol.md, "Names"), in every message that has them. */
import { EnrolmentServiceService, EntityRole, KeyForm, type AdmitEntityRequest } from '@cpns/contracts';
import { randomBytes } from 'node:crypto';
import type { AssignmentDraft } from './drafts';
import { row } from './row';
import {
  assignmentRows,
  ENROLLING,
  GATEWAY_ASSIGNS,
  RELAYED,
  secretRows,
  type AlteredAssignment,
  type KeyRow,
} from './stages';
import type { KeyWorld } from './world';

export type Fault = 'empty' | 'over-long' | 'outside its pattern';

export const ITEM = {
  empty: 'an id that is empty',
  'over-long': 'an id that is over-long',
  'outside its pattern': 'an id outside its pattern',
} as const;
const REASON = {
  empty: 'FIELD_MISSING',
  'over-long': 'FIELD_TOO_LONG',
  'outside its pattern': 'NAME_INVALID',
} as const;

export interface WrongValue {
  readonly fault: Fault;
  readonly value: string;
}

/** @param max characters that are allowed, @param outside what the pattern does not take */
export const wrongValues = (max: number, outside: readonly string[], long = 'a'.repeat(max + 1)): WrongValue[] => [
  { fault: 'empty', value: '' },
  { fault: 'over-long', value: long },
  ...outside.map((value): WrongValue => ({ fault: 'outside its pattern', value })),
];

export const WRONG_ID = wrongValues(64, ['.hidden', 'two words', 'a/b', 'caf\u00e9', 'a\n']);
const WRONG_LABEL = wrongValues(63, ['Upper', 'a_b']);
// 191 characters in labels that are short enough themselves
const WRONG_DOMAIN = wrongValues(190, ['testbed..example', 'Testbed.example'], 'a.'.repeat(95) + 'a');
/** A user that is empty is none, and none is allowed. */
const WRONG_USER = wrongValues(64, ['two words', 'a?user=b']).filter(({ fault }) => fault !== 'empty');

export const expectation = (field: string, fault: Fault) =>
  ({ code: 'INVALID_ARGUMENT', reason: REASON[fault], field }) as const;
const refusal = (field: string, fault: Fault): string => `INVALID_ARGUMENT/${REASON[fault]} ${field}`;

/** With a line break made visible. */
export const shown = (value: string): string => JSON.stringify(value.length > 20 ? `${value.slice(0, 8)}…` : value);

/** E with one part as it is given, well-formed or not. */
function withPart(uri: string, part: 'pnId' | 'domain' | 'entityId', value: string): string {
  const [, pnId, domain, type, entityId] = /^cpns:\/\/([^.]+)\.([^/]+)\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  const parts = { pnId, domain, entityId, [part]: value };
  return `cpns://${parts.pnId}.${parts.domain}/${type}/${parts.entityId}`;
}

type Place = readonly [
  what: string,
  field: string,
  values: readonly WrongValue[],
  change: (value: string) => (draft: AssignmentDraft) => Partial<AssignmentDraft>,
];

const PLACES: readonly Place[] = [
  [
    'entity-id',
    'entity: entity-id',
    WRONG_ID.filter(({ value }) => !value.includes('/')),
    (value) =>
      ({ entity }) => ({ entity: withPart(entity, 'entityId', value) }),
  ],
  [
    'pn-id',
    'entity: pn-id',
    WRONG_LABEL,
    (value) =>
      ({ entity }) => ({ entity: withPart(entity, 'pnId', value) }),
  ],
  [
    'trust domain',
    'entity: trust domain',
    WRONG_DOMAIN,
    (value) =>
      ({ entity }) => ({ entity: withPart(entity, 'domain', value) }),
  ],
  [
    'entity-id of the gateway',
    'gateway: entity-id',
    wrongValues(64, ['.hidden']),
    (value) =>
      ({ gateway }) => ({ gateway: withPart(gateway, 'entityId', value) }),
  ],
  ['token-id', 'token_id', WRONG_ID, (tokenId) => () => ({ tokenId })],
  ['user', 'user', WRONG_USER, (user) => () => ({ user })],
];

const inRequest = PLACES.flatMap(([what, field, values, change]) =>
  values.map(({ fault, value }): AlteredAssignment => ({
    id: `${what} ${shown(value)}`,
    item: ITEM[fault],
    form: 'secret',
    draft: (draft) => ({ ...draft, ...change(value)(draft) }),
    expect: refusal(field, fault),
  })),
);

/** One of each fault at each place: what the same reader reads again. */
const oneOfEach = <T extends { readonly expect: string }>(specs: readonly T[]): T[] =>
  specs.filter(({ expect }, index) => specs.findIndex((other) => other.expect === expect) === index);

/** A PN GW enrols with a key pair, for no user, and is the gateway itself. */
const inEnrolment = oneOfEach(inRequest)
  .filter(({ expect }) => !/ (user|gateway: entity-id)$/.test(expect))
  .map((spec): AlteredAssignment => ({ ...spec, form: 'key-pair' }));

/** EUK-GW-VERIFY step 1. */
const inRegistration = (['firstSeedId', 'tokenId'] as const).flatMap((name) =>
  WRONG_ID.map(({ fault, value }) => ({
    id: `${name === 'tokenId' ? 'token-id' : 'first-seed-id'} ${shown(value)}`,
    item: ITEM[fault],
    draft: (draft: Parameters<NonNullable<Parameters<typeof secretRows>[0][number]['draft']>>[0]) => ({
      ...draft,
      terms: { ...draft.terms, [name]: value },
    }),
    expect: refusal(name === 'tokenId' ? 'token_id' : 'first_seed_id', fault),
  })),
);

export const admit = (world: KeyWorld, request: AdmitEntityRequest, deadlineMs = 5_000) =>
  world.wire('Server certificate', 'operator').call(EnrolmentServiceService.admitEntity, request, { deadlineMs });

/** Of an entity that was not there before, for a secret from the Server. */
export const admission = (world: KeyWorld): AdmitEntityRequest => ({
  entity: world.entity(),
  user: 'alice',
  role: EntityRole.ENTITY_ROLE_TARGET_ENTITY,
  form: KeyForm.KEY_FORM_SECRET,
  assigner: '',
  tokenAuthKey: randomBytes(32),
  expiresAt: BigInt(world.now() + 60_000),
  dnsNames: [],
  ipAddresses: [],
});

const admissionRow =
  (
    what: string,
    field: string,
    change: (value: string) => (request: AdmitEntityRequest) => Partial<AdmitEntityRequest>,
  ) =>
  ({ fault, value }: WrongValue): KeyRow =>
    row({
      id: `${what} ${shown(value)} (admission)`,
      item: ITEM[fault],
      at: 'Server certificate',
      expect: refusal(field, fault),
      arrange: (world: KeyWorld) => Promise.resolve({ world, request: admission(world) }),
      good: ({ world, request }) => admit(world, request),
      bad: ({ world, request }) => admit(world, { ...request, ...change(value)(request) }),
    });

/** What an operator may get wrong as well. */
const inAdmission = [
  ...wrongValues(64, ['.hidden']).map(
    admissionRow('entity-id', 'entity: entity-id', (value) => ({ entity }) => ({
      entity: withPart(entity, 'entityId', value),
    })),
  ),
  ...WRONG_USER.map(admissionRow('user', 'user', (user) => () => ({ user }))),
];

export const NAME_ROWS: readonly KeyRow[] = [
  ...assignmentRows([GATEWAY_ASSIGNS], inRequest),
  ...assignmentRows([RELAYED], oneOfEach(inRequest)),
  ...assignmentRows([ENROLLING], inEnrolment),
  ...secretRows(inRegistration, ['gateway token']),
  ...secretRows(oneOfEach(inRegistration), ['Server certificate']),
  ...inAdmission,
];
