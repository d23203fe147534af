/** Tokens that are not there, or not theirs (protocol.md, "Admission"; Q4), at whoever assigns. */
import { generateHpkeKeyPair } from '@cpns/key-derivation';
import { systemRandom } from '@cpns/core';
import { opensslCsr } from '../../support/csrs';
import { flipped, freshNonce } from '../../support/drafts';
import type { Row } from '../row';
import { ASSIGN_METHOD } from '../world';
import {
  assignmentRows,
  ENROLLING,
  FORWARDED,
  GATEWAY_ASSIGNS,
  GATEWAY_ASSIGNS_CERTIFICATE,
  RELAYED,
  type AlteredAssignment,
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
    message: (request) => {
      const { publicKey } = generateHpkeKeyPair(systemRandom);
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

/** Names of another trust domain, where the one that is served is known. */
const elsewhere = (entity: string): string => entity.replace(/\.[^/]+\//, '.other.example/');
const OTHER_DOMAIN: AlteredAssignment = {
  id: 'entity of another trust domain',
  item: 'a caller of the wrong trust domain',
  clause: 'protocol, Names',
  form: 'key-pair',
  draft: (draft) => ({
    ...draft,
    entity: elsewhere(draft.entity),
    gateway: draft.gateway === draft.entity ? elsewhere(draft.gateway) : draft.gateway,
  }),
  expect: { code: 'PERMISSION_DENIED', reason: 'TRUST_DOMAIN' },
};

export const TOKEN_ROWS: readonly Row[] = [
  ...assignmentRows([RELAYED, ENROLLING], [OTHER_DOMAIN]),
  ...assignmentRows([GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, FORWARDED, RELAYED], [...ALTERED, SWAPPED_CSR]),
  ...assignmentRows([ENROLLING], ENROLMENT),
  ...assignmentRows([GATEWAY_ASSIGNS, RELAYED], OTHER),
  ...assignmentRows([FORWARDED, RELAYED], MISDIRECTED),
  ...assignmentRows([RELAYED], [OTHER_PATH]),
];
