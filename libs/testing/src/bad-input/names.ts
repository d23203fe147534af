/** Ids and names that are empty, over-long or outside their pattern (protocol.md, "Names"), in every message that has them. */
import { EnrolmentServiceService, EntityRole, KeyForm, type AdmitEntityRequest } from '@cpns/contracts';
import { randomBytes } from 'node:crypto';
import { assignmentRows, secretRows, type Altered } from './altered';
import type { AssignmentDraft, SecretRegistrationDraft } from './drafts';
import { row } from './row';
import { ENROLLING, GATEWAY_ASSIGNS, RELAYED, type KeyRow } from './stages';
import type { CastWorld } from './world';

const FAULTS = {
  empty: ['an id that is empty', 'FIELD_MISSING'],
  'over-long': ['an id that is over-long', 'FIELD_TOO_LONG'],
  'outside its pattern': ['an id outside its pattern', 'NAME_INVALID'],
} as const;
type Wrong = readonly [fault: keyof typeof FAULTS, value: string];

/** @param max characters that are allowed, @param outside what the pattern does not take */
const wrongValues = (max: number, outside: readonly string[], long = 'a'.repeat(max + 1)): Wrong[] => [
  ['empty', ''],
  ['over-long', long],
  ...outside.map((value): Wrong => ['outside its pattern', value]),
];
const WRONG_ID = wrongValues(64, ['.hidden', 'two words', 'a/b', 'caf\u00e9', 'a\n']);
const WRONG_ENTITY_ID = WRONG_ID.filter(([, value]) => !value.includes('/'));
const FEW = wrongValues(64, ['.hidden']);
// 191 characters in labels that are short enough themselves
const WRONG_DOMAIN = wrongValues(190, ['testbed..example', 'Testbed.example'], 'a.'.repeat(95) + 'a');
/** A user that is empty is none, and none is allowed. */
const WRONG_USER = wrongValues(64, ['two words', 'a?user=b']).filter(([fault]) => fault !== 'empty');

/** E with one part as it is given, well-formed or not. */
function withPart(uri: string, part: 'pnId' | 'domain' | 'entityId', value: string): string {
  const [, pnId, domain, type, entityId] = /^cpns:\/\/([^.]+)\.([^/]+)\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  const parts = { pnId, domain, entityId, [part]: value };
  return `cpns://${parts.pnId}.${parts.domain}/${type}/${parts.entityId}`;
}

/** A place for a name in a message, and how a value gets there. */
type Place<D> = readonly [
  what: string,
  field: string,
  values: readonly Wrong[],
  change: (value: string) => (draft: D) => Partial<D>,
];
const inEntity =
  (part: Parameters<typeof withPart>[1]) =>
  (value: string) =>
  ({ entity }: { readonly entity: string }) => ({ entity: withPart(entity, part, value) });
const inGateway = (value: string) => (own: AssignmentDraft) => ({ gateway: withPart(own.gateway, 'entityId', value) });
const inTerms = (name: 'firstSeedId' | 'tokenId') => (value: string) => (own: SecretRegistrationDraft) => ({
  terms: { ...own.terms, [name]: value },
});

/** With a line break made visible. */
const shown = (value: string): string => JSON.stringify(value.length > 20 ? `${value.slice(0, 8)}…` : value);
const wrongAt = <D>(places: readonly Place<D>[]) =>
  places.flatMap(([what, field, values, change]) =>
    values.map(([fault, value]) => {
      const [item, reason] = FAULTS[fault];
      return [`${what} ${shown(value)}`, item, `${reason} ${field}`, change(value)] as const satisfies Altered<D>;
    }),
  );
/** One of each fault at each place: what the same reader reads again. */
const oneOfEach = <T extends readonly [id: string, item: string, expect: string, ...unknown[]]>(specs: readonly T[]) =>
  specs.filter(([, , expect], index) => specs.findIndex((other) => other[2] === expect) === index);

const IN_REQUEST = wrongAt<AssignmentDraft>([
  ['entity-id', 'entity: entity-id', WRONG_ENTITY_ID, inEntity('entityId')],
  ['pn-id', 'entity: pn-id', wrongValues(63, ['Upper', 'a_b']), inEntity('pnId')],
  ['trust domain', 'entity: trust domain', WRONG_DOMAIN, inEntity('domain')],
  ['entity-id of the gateway', 'gateway: entity-id', FEW, inGateway],
  ['token-id', 'token_id', WRONG_ID, (tokenId) => () => ({ tokenId })],
  ['user', 'user', WRONG_USER, (user) => () => ({ user })],
]);
/** A PN GW enrols for no user, and is the gateway itself. */
const IN_ENROLMENT = oneOfEach(IN_REQUEST).filter(([, , expect]) => !/ (user|gateway: entity-id)$/.test(expect));
/** EUK-GW-VERIFY step 1. */
const IN_REGISTRATION = wrongAt<SecretRegistrationDraft>([
  ['first-seed-id', 'first_seed_id', WRONG_ID, inTerms('firstSeedId')],
  ['token-id', 'token_id', WRONG_ID, inTerms('tokenId')],
]);
/** What an operator may get wrong as well. */
const IN_ADMISSION = wrongAt<AdmitEntityRequest>([
  ['entity-id', 'entity: entity-id', FEW, inEntity('entityId')],
  ['user', 'user', WRONG_USER, (user) => () => ({ user })],
]);

export const admit = (world: CastWorld, request: AdmitEntityRequest) =>
  world.wire('Server certificate', 'operator').call(EnrolmentServiceService.admitEntity, request);

/** Of an entity that was not there before, for a secret from the Server. */
export const admission = (world: CastWorld): AdmitEntityRequest => ({
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

const inAdmission = IN_ADMISSION.map(([id, item, expect, change]): KeyRow =>
  row([`${id} (admission)`, item, expect], 'Server certificate', (world) => {
    const request = admission(world);
    return { good: () => admit(world, request), bad: () => admit(world, { ...request, ...change(request) }) };
  }),
);

export const NAME_ROWS: readonly KeyRow[] = [
  ...assignmentRows([GATEWAY_ASSIGNS], IN_REQUEST),
  ...assignmentRows([RELAYED], oneOfEach(IN_REQUEST)),
  ...assignmentRows([ENROLLING], IN_ENROLMENT),
  ...secretRows(IN_REGISTRATION, ['gateway token']),
  ...secretRows(oneOfEach(IN_REGISTRATION), ['Server certificate']),
  ...inAdmission,
];
