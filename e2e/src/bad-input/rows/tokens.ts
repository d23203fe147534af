/** Tokens that are not there, not theirs, or no longer good (protocol.md, "Admission"; Q4), at whoever assigns. */
import type { AssignmentRequest } from '@cpns/contracts';
import { generateHpkeKeyPair } from '@cpns/key-derivation';
import { systemRandom } from '@cpns/core';
import { setTimeout as sleep } from 'node:timers/promises';
import { opensslCsr } from '../../support/csrs';
import { flipped, freshNonce, sealAssignment } from '../../support/drafts';
import { row, type Item, type Row } from '../row';
import { ASSIGN_METHOD, type World } from '../world';
import {
  assignmentRows,
  draftFor,
  ENROLLING,
  FORWARDED,
  GATEWAY_ASSIGNS,
  GATEWAY_ASSIGNS_CERTIFICATE,
  RELAYED,
  type AlteredAssignment,
  type Stage,
} from './assignment-stage';

const CLAUSE = 'protocol, Admission';

/** What anybody on the way, or the holder of another token, can try: the token itself is sound. */
const ALTERED: readonly AlteredAssignment[] = [
  {
    id: 'token-id of no admission',
    item: 'a token that is unknown',
    clause: CLAUSE,
    form: 'secret',
    draft: (draft) => ({ ...draft, tokenId: '0'.repeat(32) }),
    expect: { code: 'UNAUTHENTICATED', reason: 'TOKEN_UNKNOWN' },
  },
  {
    id: 'token of another entity',
    item: 'a token for another entity',
    clause: 'EUK-ASSOC',
    form: 'secret',
    draft: (draft, world) => ({ ...draft, entity: world.entity() }),
    expect: { code: 'PERMISSION_DENIED', reason: 'TOKEN_OTHER_ENTITY' },
  },
  {
    id: 'token of another user of the entity',
    item: 'a token for another user',
    clause: 'EUK-ASSOC',
    form: 'secret',
    user: 'alice',
    draft: (draft) => ({ ...draft, user: 'bob' }),
    expect: { code: 'PERMISSION_DENIED', reason: 'TOKEN_OTHER_ENTITY' },
  },
  {
    id: 'token of a user, used without one',
    item: 'a token for another user',
    clause: 'EUK-ASSOC',
    form: 'secret',
    user: 'alice',
    draft: (draft) => ({ ...draft, user: '' }),
    expect: { code: 'PERMISSION_DENIED', reason: 'TOKEN_OTHER_ENTITY' },
  },
  {
    id: 'MAC with one bit changed',
    item: 'a token with a wrong MAC',
    clause: CLAUSE,
    form: 'secret',
    message: (request) => ({ ...request, mac: flipped(request.mac) }),
    expect: { code: 'UNAUTHENTICATED', reason: 'TOKEN_MAC' },
  },
  {
    id: 'MAC for another method',
    item: 'a token with a wrong MAC',
    clause: CLAUSE,
    form: 'secret',
    draft: (draft) => ({ ...draft, method: '/cpns.v1.PnGatewayService/RenewEntityUserKey' }),
    expect: { code: 'UNAUTHENTICATED', reason: 'TOKEN_MAC' },
  },
  {
    id: 'another nonce under the MAC',
    item: 'a token with a wrong MAC',
    clause: CLAUSE,
    form: 'secret',
    message: (request) => ({ ...request, nonce: freshNonce() }),
    expect: { code: 'UNAUTHENTICATED', reason: 'TOKEN_MAC' },
  },
  {
    id: 'another HPKE key under the MAC',
    item: 'a token with a swapped key',
    clause: 'Q4',
    form: 'secret',
    message: async (request) => {
      const { publicKey } = await generateHpkeKeyPair(systemRandom);
      return { ...request, key: { $case: 'hpkePublicKey', value: publicKey } };
    },
    expect: { code: 'UNAUTHENTICATED', reason: 'TOKEN_MAC' },
  },
];

/** The path that the entity called travels as data, and the gateway tells another one. */
const OTHER_PATH: AlteredAssignment = {
  id: 'another path told than was called',
  item: 'a token with a wrong MAC',
  clause: CLAUSE,
  form: 'secret',
  method: '/cpns.v1.PnGatewayService/RenewEntityUserKey',
  expect: { code: 'UNAUTHENTICATED', reason: 'TOKEN_MAC' },
};

/** A sound CSR of another key in place of the one that the MAC is over. */
const SWAPPED_CSR: AlteredAssignment = {
  id: 'CSR of another key under the MAC',
  item: 'a token with a swapped key',
  clause: 'Q4',
  form: 'key-pair',
  message: (request) => ({ ...request, key: { $case: 'csr', value: opensslCsr().csr } }),
  expect: { code: 'UNAUTHENTICATED', reason: 'TOKEN_MAC' },
};

/** What a PN GW that enrols itself can be told apart by. */
const OF_ENROLMENT: readonly AlteredAssignment[] = [
  ...ALTERED.filter(({ id }) => /^(token-id of no|MAC with|another nonce)/.test(id)),
  {
    id: 'request made for another method',
    item: 'a token with a wrong MAC',
    clause: CLAUSE,
    form: 'key-pair',
    method: ASSIGN_METHOD,
    expect: { code: 'PERMISSION_DENIED', reason: 'TOKEN_OTHER_METHOD' },
  },
  {
    id: 'token of another PN GW',
    item: 'a token for another entity',
    clause: 'EUK-ASSOC',
    form: 'key-pair',
    draft: (draft, world) => {
      const entity = world.entity('pn-x', 'pn-gw');
      return { ...draft, entity, gateway: entity };
    },
    expect: { code: 'PERMISSION_DENIED', reason: 'TOKEN_OTHER_ENTITY' },
  },
  SWAPPED_CSR,
];
const ENROLMENT = OF_ENROLMENT.map((spec): AlteredAssignment => ({ ...spec, form: 'key-pair' }));

interface Life {
  readonly world: World;
  readonly sent: AssignmentRequest;
  readonly later: AssignmentRequest;
}

/** A token whose life is over when it is used: the message is the accepted one to the letter, or one like it. */
function overRow(
  stage: Stage,
  spec: {
    readonly id: string;
    readonly item: Item;
    readonly reason: 'TOKEN_SPENT' | 'TOKEN_EXPIRED' | 'TOKEN_REVOKED';
    readonly lifetime?: number;
    /** What is sent at the end: the same message, or a new one under the same token. */
    readonly again: 'same message' | 'new message';
    /** Ends the token's life. */
    readonly end: (world: World, request: AssignmentRequest) => Promise<unknown>;
  },
): Row {
  const form = stage.forms[0] ?? 'secret';
  return row<Life & { end: () => Promise<unknown> }>({
    id: `${spec.id} (${stage.name})`,
    item: spec.item,
    clause: CLAUSE,
    at: stage.at,
    expect: { code: 'FAILED_PRECONDITION', reason: spec.reason },
    arrange: async (world) => {
      const { lifetime } = spec;
      const token = await stage.admit(world, { form, ...(lifetime === undefined ? {} : { lifetime }) });
      const sent = sealAssignment(await draftFor(stage, world, token));
      const later = spec.again === 'same message' ? sent : sealAssignment(await draftFor(stage, world, token));
      return { world, sent, later, end: () => spec.end(world, sent) };
    },
    good: async ({ world, sent, end }) => {
      await stage.send(world, sent);
      await end();
    },
    bad: ({ world, later }) => stage.send(world, later),
  });
}

/** Long enough to be used on a busy machine; all rows wait at the same time. */
const SHORT_MS = 5_000;
const outlive = () => sleep(SHORT_MS);
const nothing = () => Promise.resolve();
async function revoke(world: World, { entity, tokenId }: AssignmentRequest): Promise<void> {
  await world.deployment.operator.revokeAdmission(entity, tokenId);
  await world.delivered();
}

const over = (stage: Stage): Row[] => [
  overRow(stage, {
    id: 'another request under a token',
    item: 'a token that is used',
    reason: 'TOKEN_SPENT',
    again: 'new message',
    end: nothing,
  }),
  overRow(stage, {
    id: 'token that was revoked, its request repeated',
    item: 'a token that is revoked',
    reason: 'TOKEN_REVOKED',
    again: 'same message',
    end: revoke,
  }),
];

const expired = (stage: Stage): Row[] =>
  (['same message', 'new message'] as const).map((again) =>
    overRow(stage, {
      id: `token that has expired, ${again}`,
      item: 'a token that is expired',
      reason: 'TOKEN_EXPIRED',
      lifetime: SHORT_MS,
      again,
      end: outlive,
    }),
  );

/** The request says the truth about whom it goes to, and goes to somebody else. */
const MISDIRECTED: readonly AlteredAssignment[] = [
  {
    id: 'token that a gateway assigns with, at the Server',
    item: 'a token for the other assigner',
    clause: 'protocol, Admission',
    form: 'secret',
    draft: async (draft, world) => {
      const { tokenId, authKey, entity } = await world.admit({ form: 'secret', assigner: 'probe' });
      return { ...draft, tokenId, authKey, entity };
    },
    expect: { code: 'PERMISSION_DENIED', reason: 'TOKEN_OTHER_ASSIGNER' },
  },
];

/** Form, method and gateway that the admission or the call do not have. */
const OTHER: readonly AlteredAssignment[] = [
  {
    id: 'request made to another gateway',
    item: 'a token for the other assigner',
    clause: CLAUSE,
    form: 'secret',
    draft: (draft, world) => ({ ...draft, gateway: world.deployment.entity('pn1', 'pn-gw', 'gw7') }),
    expect: { code: 'PERMISSION_DENIED', reason: 'GATEWAY_MISMATCH' },
  },
  {
    id: 'token for the other form of key',
    item: 'a token for another entity',
    clause: 'EUK-FORM-S',
    form: 'secret',
    draft: (draft) => ({ ...draft, form: 'key-pair', key: opensslCsr() }),
    expect: { code: 'PERMISSION_DENIED', reason: 'TOKEN_OTHER_FORM' },
  },
  {
    id: 'entity of another PN',
    item: 'a token for another entity',
    clause: CLAUSE,
    form: 'secret',
    draft: (draft, world) => ({ ...draft, entity: world.entity('pn2') }),
    expect: { code: 'PERMISSION_DENIED', reason: 'PN_MISMATCH' },
  },
];

export const TOKEN_ROWS: readonly Row[] = [
  ...assignmentRows([GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, FORWARDED, RELAYED], [...ALTERED, SWAPPED_CSR]),
  ...assignmentRows([ENROLLING], ENROLMENT),
  ...assignmentRows([GATEWAY_ASSIGNS, RELAYED], OTHER),
  ...assignmentRows([FORWARDED, RELAYED], MISDIRECTED),
  ...assignmentRows([RELAYED], [OTHER_PATH]),
  ...[GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, FORWARDED, RELAYED, ENROLLING].flatMap(over),
];

/** Rows that wait until a token is over. */
export const EXPIRED_TOKEN_ROWS: readonly Row[] = [GATEWAY_ASSIGNS, RELAYED, ENROLLING].flatMap(expired);
