/** Tokens that are not there, or not theirs, and messages over their size (protocol.md, "Admission"; Q4), at each assigner. */
import { parseEntityUri } from '@cpns/core';
import { generateHpkeKeyPair } from '@cpns/key-derivation';
import { systemRandom } from '@cpns/core';
import { opensslCsr } from './csrs';
import { flipped, freshNonce, type AssignmentDraft } from './drafts';
import { row } from './row';
import {
  ASSIGN_METHOD,
  assignmentRows,
  ENROLLING,
  FORWARDED,
  GATEWAY_ASSIGNS,
  GATEWAY_ASSIGNS_CERTIFICATE,
  RELAYED,
  requestFor,
  type AlteredAssignment,
  type KeyRow,
  type Stage,
} from './stages';
import type { KeyWorld } from './world';

type Change = NonNullable<AlteredAssignment['draft']>;
const RENEW_METHOD = '/cpns.v1.PnGatewayService/RenewEntityUserKey';
const UNKNOWN = 'UNAUTHENTICATED/TOKEN_UNKNOWN';
const MAC = 'UNAUTHENTICATED/TOKEN_MAC';
const OTHER_ENTITY = 'PERMISSION_DENIED/TOKEN_OTHER_ENTITY';
const spec = (id: string, item: string, expect: string, how: Partial<AlteredAssignment>): AlteredAssignment => ({
  id,
  item,
  expect,
  form: 'secret',
  ...how,
});
const draft = (change: (draft: AssignmentDraft) => Partial<AssignmentDraft>): { draft: Change } => ({
  draft: (own) => ({ ...own, ...change(own) }),
});

/** What anyone on the way, or the holder of another token, can try: the token itself is sound. */
const ALTERED: readonly AlteredAssignment[] = [
  spec(
    'token-id of no admission',
    'a token that is unknown',
    UNKNOWN,
    draft(() => ({ tokenId: '0'.repeat(32) })),
  ),
  spec(
    'token of another entity',
    'a token for another entity',
    OTHER_ENTITY,
    draft(({ entity }) => ({ entity: `${entity}x` })),
  ),
  spec('token of another user of the entity', 'a token for another user', OTHER_ENTITY, {
    user: 'alice',
    ...draft(() => ({ user: 'bob' })),
  }),
  spec('token of a user, used without one', 'a token for another user', OTHER_ENTITY, {
    user: 'alice',
    ...draft(() => ({ user: '' })),
  }),
  spec('MAC with one bit changed', 'a token with a wrong MAC', MAC, {
    message: (request) => ({ ...request, mac: flipped(request.mac) }),
  }),
  spec(
    'MAC for another method',
    'a token with a wrong MAC',
    MAC,
    draft(() => ({ method: RENEW_METHOD })),
  ),
  spec('another nonce under the MAC', 'a token with a wrong MAC', MAC, {
    message: (request) => ({ ...request, nonce: freshNonce() }),
  }),
  spec('another HPKE key under the MAC', 'a token with a swapped key', MAC, {
    message: (request) => {
      const { publicKey } = generateHpkeKeyPair(systemRandom);
      return { ...request, key: { $case: 'hpkePublicKey', value: publicKey } };
    },
  }),
];

/** The path that the entity called travels as data, and the gateway tells another one. */
const OTHER_PATH = spec('another path told than was called', 'a token with a wrong MAC', MAC, { method: RENEW_METHOD });

/** A sound CSR of another key in place of the one that the MAC is over. */
const SWAPPED_CSR = spec('CSR of another key under the MAC', 'a token with a swapped key', MAC, {
  form: 'key-pair',
  message: (request) => ({ ...request, key: { $case: 'csr', value: opensslCsr().csr } }),
});

/** What a PN GW that enrols itself can be told apart by. */
const OF_ENROLMENT: readonly AlteredAssignment[] = [
  ...ALTERED.filter(({ id }) => /^(token-id of no|MAC with|another nonce)/.test(id)),
  spec('request made for another method', 'a token with a wrong MAC', 'PERMISSION_DENIED/TOKEN_OTHER_METHOD', {
    method: ASSIGN_METHOD,
  }),
  spec(
    'token of another PN GW',
    'a token for another entity',
    OTHER_ENTITY,
    draft(({ entity }) => ({ entity: `${entity}x`, gateway: `${entity}x` })),
  ),
  SWAPPED_CSR,
].map((one): AlteredAssignment => ({ ...one, form: 'key-pair' }));

/** The request says the truth about whom it goes to, and goes to another. */
const MISDIRECTED = spec(
  'token that a gateway assigns with, at the Server',
  'a token for the other assigner',
  'PERMISSION_DENIED/TOKEN_OTHER_ASSIGNER',
  {
    draft: async (own, world) => {
      const { tokenId, authKey, entity } = await world.admit({ form: 'secret', assigner: 'probe' });
      return { ...own, tokenId, authKey, entity };
    },
  },
);

/** Form, method and gateway that the admission or the call do not have. */
const OTHER: readonly AlteredAssignment[] = [
  spec(
    'request made to another gateway',
    'a token for the other assigner',
    'PERMISSION_DENIED/GATEWAY_MISMATCH',
    draft(({ gateway }) => ({ gateway: `${gateway}7` })),
  ),
  spec(
    'token for the other form of key',
    'a token for another entity',
    'PERMISSION_DENIED/TOKEN_OTHER_FORM',
    draft(() => ({ form: 'key-pair', key: opensslCsr() })),
  ),
  spec(
    'entity of another PN',
    'a token for another entity',
    'PERMISSION_DENIED/PN_MISMATCH',
    draft(({ entity }) => ({ entity: entity.replace('//pn1.', '//pn2.') })),
  ),
];

const elsewhere = (uri: string): string => uri.replace(parseEntityUri(uri).trustDomain, 'other.example');
const OTHER_DOMAIN = spec(
  'entity of another trust domain',
  'a caller of the wrong trust domain',
  'PERMISSION_DENIED/TRUST_DOMAIN',
  {
    form: 'key-pair',
    ...draft(({ entity, gateway }) => ({
      entity: elsewhere(entity),
      gateway: gateway === entity ? elsewhere(gateway) : gateway,
    })),
  },
);

/** Of a received message, and of a CSR, in bytes. */
const MESSAGE_MAX = 262_144;
const CSR_MAX = 8_192;
const TOO_LARGE = 'a message over the limit';

const OVER: readonly AlteredAssignment[] = [
  spec('message of over 256 KiB', TOO_LARGE, 'RESOURCE_EXHAUSTED/MESSAGE_TOO_LARGE', {
    message: (request) => ({ ...request, nonce: Buffer.alloc(MESSAGE_MAX) }),
  }),
  spec('CSR of over 8 KiB', TOO_LARGE, 'INVALID_ARGUMENT/CSR_NOT_DER', {
    message: (request) => ({ ...request, key: { $case: 'csr', value: Buffer.alloc(CSR_MAX + 1, 0x30) } }),
  }),
  spec('nonce of 17 bytes', TOO_LARGE, 'INVALID_ARGUMENT/FIELD_SIZE nonce', {
    message: (request) => ({ ...request, nonce: Buffer.alloc(17, 1) }),
  }),
].map((one): AlteredAssignment => ({ ...one, form: 'key-pair' }));

/** What ends a token after its first request, and what is sent then: the same message, or a new one under the token. */
interface TokenEnd {
  readonly id: string;
  readonly item: string;
  readonly reason: 'TOKEN_SPENT' | 'TOKEN_EXPIRED' | 'TOKEN_REVOKED';
  readonly isRepeated: boolean;
  readonly lifetime?: number;
  readonly end?: (world: KeyWorld, token: { readonly entity: string; readonly tokenId: string }) => Promise<unknown>;
}

/** Long enough to be used on a busy machine; over the wire all rows wait at the same time. */
const SHORT_MS = 5_000;
/** An operator tells a lifetime from when the call is made. */
const ENDED_MS = SHORT_MS + 2_000;

const ENDS: readonly TokenEnd[] = [
  { id: 'another request under a token', item: 'a token that is used', reason: 'TOKEN_SPENT', isRepeated: false },
  {
    id: 'token that was revoked, its request repeated',
    item: 'a token that is revoked',
    reason: 'TOKEN_REVOKED',
    isRepeated: true,
    end: async (world, { entity, tokenId }) => {
      await world.operator.revokeAdmission(entity, tokenId);
      await world.delivered();
    },
  },
  ...[true, false].map((isRepeated): TokenEnd => ({
    id: `token that has expired, ${isRepeated ? 'same' : 'new'} message`,
    item: 'a token that is expired',
    reason: 'TOKEN_EXPIRED',
    isRepeated,
    lifetime: SHORT_MS,
    end: (world) => world.pass(ENDED_MS),
  })),
];

const endRow = (stage: Stage, { id, item, reason, isRepeated, lifetime, end }: TokenEnd): KeyRow =>
  row({
    id: `${id} (${stage.name})`,
    item,
    at: stage.at,
    expect: `FAILED_PRECONDITION/${reason}`,
    arrange: async (world: KeyWorld) => {
      const token = await stage.admit(world, { form: stage.forms[0]!, ...(lifetime && { lifetime }) });
      const sent = requestFor(stage, world, token);
      return { world, token, sent, later: isRepeated ? sent : requestFor(stage, world, token) };
    },
    good: async ({ world, token, sent }) => {
      await stage.send(world, sent);
      await end?.(world, token);
    },
    bad: ({ world, later }) => stage.send(world, later),
  });

/** A token that lay about: its entity has a younger key, or a gateway a younger identity, when it is used. */
const overLiveKey = (stage: Stage): KeyRow =>
  row({
    id: `older token than that of the live key (${stage.name})`,
    item: 'a registration over a live key',
    at: stage.at,
    expect: 'FAILED_PRECONDITION/LIVE_KEY',
    arrange: async (world: KeyWorld) => {
      const form = stage.forms[0]!;
      const old = await stage.admit(world, { form });
      const young = await stage.admit(world, { form, entity: old.entity });
      return { world, old: requestFor(stage, world, old), young: requestFor(stage, world, young) };
    },
    good: ({ world, young }) => stage.send(world, young),
    bad: ({ world, old }) => stage.send(world, old),
  });

const ALL = [GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, FORWARDED, RELAYED, ENROLLING];

export const TOKEN_ROWS: readonly KeyRow[] = [
  ...assignmentRows([RELAYED, ENROLLING], [OTHER_DOMAIN]),
  ...assignmentRows([GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, FORWARDED, RELAYED], [...ALTERED, SWAPPED_CSR]),
  ...assignmentRows([ENROLLING], OF_ENROLMENT),
  ...assignmentRows([GATEWAY_ASSIGNS, RELAYED], OTHER),
  ...assignmentRows([FORWARDED, RELAYED], [MISDIRECTED]),
  ...assignmentRows([RELAYED], [OTHER_PATH]),
  ...assignmentRows([GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, RELAYED, ENROLLING], OVER),
  ...[FORWARDED, RELAYED, ENROLLING].map(overLiveKey),
  ...ALL.flatMap((stage) => ENDS.filter(({ lifetime }) => lifetime === undefined).map((end) => endRow(stage, end))),
  ...[GATEWAY_ASSIGNS, RELAYED, ENROLLING].flatMap((stage) =>
    ENDS.filter(({ lifetime }) => lifetime !== undefined).map((end) => endRow(stage, end)),
  ),
];
