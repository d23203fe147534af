/** Ids and names that are empty, over-long or outside their pattern (protocol.md, "Names"), in every message that has them. */
import { EnrolmentServiceService, EntityRole, KeyForm, type AdmitEntityRequest } from '@cpns/contracts';
import { randomBytes } from 'node:crypto';
import type { AssignmentDraft } from '../../support/drafts';
import { row, type Expectation, type Item, type Row } from '../row';
import type { World } from '../world';
import { assignmentRows, ENROLLING, GATEWAY_ASSIGNS, RELAYED, type AlteredAssignment } from './assignment-stage';
import { secretRegistrationRows } from './registration-stage';

export type Fault = 'empty' | 'over-long' | 'outside its pattern';

export const ITEM: Readonly<Record<Fault, Item>> = {
  empty: 'an id that is empty',
  'over-long': 'an id that is over-long',
  'outside its pattern': 'an id outside its pattern',
};
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
export const wrongValues = (max: number, outside: readonly string[]): WrongValue[] => [
  { fault: 'empty', value: '' },
  { fault: 'over-long', value: 'a'.repeat(max + 1) },
  ...outside.map((value): WrongValue => ({ fault: 'outside its pattern', value })),
];

export const WRONG_ID = wrongValues(64, ['.hidden', 'two words', 'a/b', 'caf\u00e9', 'a\n']);
const WRONG_LABEL = wrongValues(63, ['Upper', 'a_b']);
// 191 characters in labels that are short enough themselves
const WRONG_DOMAIN: readonly WrongValue[] = [
  { fault: 'empty', value: '' },
  { fault: 'over-long', value: 'a.'.repeat(95) + 'a' },
  { fault: 'outside its pattern', value: 'testbed..example' },
  { fault: 'outside its pattern', value: 'Testbed.example' },
];
/** A user that is empty is none, and none is allowed. */
const WRONG_USER = wrongValues(64, ['two words', 'a?user=b']).filter(({ fault }) => fault !== 'empty');

interface Place {
  readonly what: string;
  /** As the error's details call it. */
  readonly field: string;
  readonly values: readonly WrongValue[];
}

export const expectation = (field: string, fault: Fault): Expectation => ({
  code: 'INVALID_ARGUMENT',
  reason: REASON[fault],
  field,
});

/** With a line break made visible. */
export const shown = (value: string): string => JSON.stringify(value.length > 20 ? `${value.slice(0, 8)}…` : value);

interface Parts {
  readonly pnId: string;
  readonly domain: string;
  readonly entityId: string;
}

/** E with one part as it is given, well-formed or not. */
function withPart(entity: string, part: Partial<Parts>): string {
  const [, pnId = '', domain = '', type = '', entityId = ''] =
    /^cpns:\/\/([^.]+)\.([^/]+)\/([^/]+)\/(.+)$/.exec(entity) ?? [];
  const parts: Parts = { pnId, domain, entityId, ...part };
  return `cpns://${parts.pnId}.${parts.domain}/${type}/${parts.entityId}`;
}

type Change = (value: string) => (draft: AssignmentDraft) => AssignmentDraft;

const IN_REQUEST: readonly (Place & { readonly change: Change })[] = [
  {
    what: 'entity-id',
    field: 'entity: entity-id',
    values: WRONG_ID.filter(({ value }) => !value.includes('/')),
    change: (entityId) => (draft) => ({ ...draft, entity: withPart(draft.entity, { entityId }) }),
  },
  {
    what: 'pn-id',
    field: 'entity: pn-id',
    values: WRONG_LABEL,
    change: (pnId) => (draft) => ({ ...draft, entity: withPart(draft.entity, { pnId }) }),
  },
  {
    what: 'trust domain',
    field: 'entity: trust domain',
    values: WRONG_DOMAIN,
    change: (domain) => (draft) => ({ ...draft, entity: withPart(draft.entity, { domain }) }),
  },
  {
    what: 'entity-id of the gateway',
    field: 'gateway: entity-id',
    values: wrongValues(64, ['.hidden']),
    change: (entityId) => (draft) => ({ ...draft, gateway: withPart(draft.gateway, { entityId }) }),
  },
  {
    what: 'token-id',
    field: 'token_id',
    values: WRONG_ID,
    change: (tokenId) => (draft) => ({ ...draft, tokenId }),
  },
  {
    what: 'user',
    field: 'user',
    values: WRONG_USER,
    change: (user) => (draft) => ({ ...draft, user }),
  },
];

const inRequest: AlteredAssignment[] = IN_REQUEST.flatMap(({ what, field, values, change }) =>
  values.map(({ fault, value }) => ({
    id: `${what} ${shown(value)}`,
    item: ITEM[fault],
    clause: 'protocol, Names',
    form: 'secret',
    draft: change(value),
    expect: expectation(field, fault),
  })),
);

/** One of each fault at each place: what the same reader reads again. */
function oneOfEach<T extends { readonly item: Item; readonly expect: Expectation }>(specs: readonly T[]): T[] {
  const seen = new Set<string>();
  return specs.filter(({ item, expect: { field } }) => {
    const known = seen.has(`${item} ${field}`);
    seen.add(`${item} ${field}`);
    return !known;
  });
}

/** A PN GW enrols with a key pair. */
const inEnrolment: AlteredAssignment[] = oneOfEach(inRequest)
  .filter(({ expect: { field } }) => field !== 'user' && field !== 'gateway: entity-id')
  .map((spec) => ({ ...spec, form: 'key-pair' }));

/** EUK-GW-VERIFY step 1. */
const inRegistration = [
  ...WRONG_ID.map((wrong) => ({ ...wrong, what: 'first-seed-id', field: 'first_seed_id' })),
  ...WRONG_ID.map((wrong) => ({ ...wrong, what: 'token-id', field: 'token_id' })),
].map(({ what, field, fault, value }) => ({
  id: `${what} ${shown(value)}`,
  item: ITEM[fault],
  clause: 'EUK-GW-VERIFY step 1',
  terms: () => (what === 'token-id' ? { tokenId: value } : { firstSeedId: value }),
  expect: expectation(field, fault),
}));

/** What an operator may get wrong as well. */
function inAdmission(): Row[] {
  const places: readonly (Place & {
    readonly change: (value: string) => (r: AdmitEntityRequest) => AdmitEntityRequest;
  })[] = [
    {
      what: 'entity-id',
      field: 'entity: entity-id',
      values: wrongValues(64, ['.hidden']),
      change: (entityId) => (request) => ({ ...request, entity: withPart(request.entity, { entityId }) }),
    },
    {
      what: 'user',
      field: 'user',
      values: WRONG_USER,
      change: (user) => (request) => ({ ...request, user }),
    },
  ];
  const admit = (world: World, request: AdmitEntityRequest) =>
    world.wire('Server certificate', 'operator').call(EnrolmentServiceService.admitEntity, request);
  return places.flatMap(({ what, field, values, change }) =>
    values.map(({ fault, value }) =>
      row({
        id: `${what} ${shown(value)} (admission)`,
        item: ITEM[fault],
        clause: 'protocol, Admission',
        at: 'Server certificate',
        expect: expectation(field, fault),
        arrange: (world) => Promise.resolve({ world, request: admission(world) }),
        good: ({ world, request }) => admit(world, request),
        bad: ({ world, request }) => admit(world, change(value)(request)),
      }),
    ),
  );
}

const admission = (world: World): AdmitEntityRequest => ({
  entity: world.entity(),
  user: 'alice',
  role: EntityRole.ENTITY_ROLE_TARGET_ENTITY,
  form: KeyForm.KEY_FORM_SECRET,
  assigner: '',
  tokenAuthKey: randomBytes(32),
  expiresAt: BigInt(Date.now() + 60_000),
  dnsNames: [],
  ipAddresses: [],
});

export const NAME_ROWS: readonly Row[] = [
  ...assignmentRows([GATEWAY_ASSIGNS], inRequest),
  ...assignmentRows([RELAYED], oneOfEach(inRequest)),
  ...assignmentRows([ENROLLING], inEnrolment),
  ...secretRegistrationRows(inRegistration, ['gateway token']),
  ...secretRegistrationRows(oneOfEach(inRegistration), ['Server certificate']),
  ...inAdmission(),
];
