/** Tokens that are not there, or not theirs, and messages over their size (protocol.md, "Admission"; Q4), at each assigner. */
import { systemRandom, type Reason } from '@cpns/core';
import { generateHpkeKeyPair } from '@cpns/key-derivation';
import { assignmentRows, type AlteredAssignment, type Change, type OnTheWay } from './altered';
import { opensslCsr } from './credentials';
import { flipped, freshNonce, type AssignmentDraft } from './drafts';
import { row, type Shown } from './row';
import {
  ASSIGN_METHOD,
  BY_CERTIFICATE,
  ENROLLING,
  FORWARDED,
  GATEWAY_ASSIGNS,
  RELAYED,
  requestFor,
  type KeyRow,
  type Stage,
} from './stages';
import type { CastWorld, Token } from './world';

const RENEW_METHOD = '/cpns.v1.PnGatewayService/RenewEntityUserKey';
const OTHER_ENTITY = 'TOKEN_OTHER_ENTITY';
const ENTITY = 'a token for another entity';
const USER = 'a token for another user';
const ASSIGNER = 'a token for the other assigner';
const MAC = 'a token with a wrong MAC';
const KEY = 'a token with a swapped key';

const csr = (value: Buffer) => ({ key: { $case: 'csr', value } as const });
const flip: OnTheWay = { message: ({ mac }) => ({ mac: flipped(mac) }) };
const otherNonce: OnTheWay = { message: () => ({ nonce: freshNonce() }) };
const swapped: OnTheWay = {
  message: () => ({ key: { $case: 'hpkePublicKey', value: generateHpkeKeyPair(systemRandom).publicKey } }),
};
/** A sound CSR of another key in place of the one that the MAC is over. */
const otherCsr: OnTheWay = { message: () => csr(opensslCsr().csr) };
const SWAPPED_CSR: AlteredAssignment = ['CSR of another key under the MAC', KEY, 'TOKEN_MAC', otherCsr];

/** What anyone on the way, or the holder of another token, can try: the token itself is sound. */
const ALTERED: readonly AlteredAssignment[] = [
  ['token-id of no admission', 'a token that is unknown', 'TOKEN_UNKNOWN', () => ({ tokenId: '0'.repeat(32) })],
  ['token of another entity', ENTITY, OTHER_ENTITY, ({ entity }) => ({ entity: `${entity}x` })],
  ['token of another user of the entity', USER, OTHER_ENTITY, () => ({ user: 'bob' }), 'alice'],
  ['token of a user, used without one', USER, OTHER_ENTITY, () => ({ user: '' }), 'alice'],
  ['MAC with one bit changed', MAC, 'TOKEN_MAC', flip],
  ['MAC for another method', MAC, 'TOKEN_MAC', () => ({ method: RENEW_METHOD })],
  ['another nonce under the MAC', MAC, 'TOKEN_MAC', otherNonce],
  ['another HPKE key under the MAC', KEY, 'TOKEN_MAC', swapped],
];
/** What a PN GW that enrols itself can be told apart by. */
const OF_ENROLMENT: readonly AlteredAssignment[] = [
  ...ALTERED.filter(([id]) => /^(token-id of no|MAC with|another nonce)/.test(id)),
  ['request made for another method', MAC, 'TOKEN_OTHER_METHOD', { told: ASSIGN_METHOD }],
  ['token of another PN GW', ENTITY, OTHER_ENTITY, ({ entity }) => ({ entity: `${entity}x`, gateway: `${entity}x` })],
  SWAPPED_CSR,
];

/** Form and gateway that the admission or the call do not have. */
const OTHER: readonly AlteredAssignment[] = [
  ['request made to another gateway', ASSIGNER, 'GATEWAY_MISMATCH', ({ gateway }) => ({ gateway: `${gateway}7` })],
  ['token for the other form of key', ENTITY, 'TOKEN_OTHER_FORM', () => ({ form: 'key-pair', key: opensslCsr() })],
  [
    'request made to another gateway, for an entity of another PN',
    ASSIGNER,
    'GATEWAY_MISMATCH',
    ({ gateway, entity }) => ({ gateway: `${gateway}7`, entity: entity.replace('//pn1.', '//pn2.') }),
  ],
  ['entity of another PN', ENTITY, 'PN_MISMATCH', ({ entity }) => ({ entity: entity.replace('//pn1.', '//pn2.') })],
];

/** The request says the truth about where it goes to, and goes elsewhere. */
const ofProbe: Change<AssignmentDraft> = async (_own, world) => {
  const { tokenId, authKey, entity } = await world.admit({ form: 'secret', assigner: 'probe' });
  return { tokenId, authKey, entity };
};
const MISDIRECTED = 'token that a gateway assigns with, at the Server';
/** The test's own gateway opens no delivery channel. */
const UNDER_WAY = 'token whose grant is under way to the gateway that asks';
const elsewhere: Change<AssignmentDraft> = ({ entity, gateway }, { trustDomain }) => {
  const moved = (uri: string) => uri.replace(trustDomain, 'other.example');
  return { entity: moved(entity), gateway: gateway === entity ? moved(gateway) : gateway };
};
const DOMAIN = 'a caller of the wrong trust domain';

const LIMIT = 'a message over the limit';
const tooLong: OnTheWay = { message: () => ({ nonce: Buffer.alloc(262_144) }) };
/** Over the limits of a received message, 262,144 bytes, of a CSR, 8,192, and of a nonce, 16. */
const OVER: readonly AlteredAssignment[] = [
  ['message of over 256 KiB', LIMIT, 'MESSAGE_TOO_LARGE', tooLong],
  ['CSR of over 8 KiB', LIMIT, 'CSR_NOT_DER', { message: () => csr(Buffer.alloc(8_193, 0x30)) }],
  ['nonce of 17 bytes', LIMIT, 'FIELD_SIZE nonce', { message: () => ({ nonce: Buffer.alloc(17, 1) }) }],
];

/** What ends a token after its first request, and what is sent then: the same message, or a new one under the token. */
type TokenEnd = readonly [
  id: string,
  ended: 'used' | 'revoked' | 'expired',
  reason: Reason,
  isRepeated: boolean,
  end?: (world: CastWorld, token: Token) => Promise<unknown>,
];

/** Long enough to be used on a busy machine, milliseconds; over the wire all rows wait at the same time. */
const SHORT_MS = 5_000;
/** An operator tells a lifetime from when the call is made. */
const expire = (world: CastWorld) => world.pass(SHORT_MS + 2_000);
async function revoke(world: CastWorld, { entity, tokenId }: Token): Promise<void> {
  await world.operator.revokeAdmission(entity, tokenId);
  await world.delivered();
}

const ENDS: readonly TokenEnd[] = [
  ['another request under a token', 'used', 'TOKEN_SPENT', false],
  ['token that was revoked, its request repeated', 'revoked', 'TOKEN_REVOKED', true, revoke],
];
const EXPIRIES: readonly TokenEnd[] = [
  ['token that has expired, same message', 'expired', 'TOKEN_EXPIRED', true, expire],
  ['token that has expired, new message', 'expired', 'TOKEN_EXPIRED', false, expire],
];

const endRows = (stages: readonly Stage[], ends: readonly TokenEnd[]): KeyRow[] =>
  stages.flatMap((stage) =>
    ends.map(([id, ended, expect, isRepeated, end]) =>
      row([`${id} (${stage.name})`, `a token that is ${ended}`, expect], stage.at, async (world) => {
        const lifetime = end === expire ? { lifetime: SHORT_MS } : {};
        const token = await stage.admit(world, { form: stage.form, ...lifetime });
        const sent = requestFor(stage, world, token);
        const later = isRepeated ? sent : requestFor(stage, world, token);
        const good = () => stage.send(world, sent).then(() => end?.(world, token));
        return { good, bad: () => stage.send(world, later) };
      }),
    ),
  );

const LIVE: Shown = ['older token than that of the live key', 'a registration over a live key', 'LIVE_KEY'];
/** A token that lay about: its entity has a younger key, or a gateway a younger identity, when it is used. */
const overLiveKey = (stage: Stage): KeyRow =>
  row([`${LIVE[0]} (${stage.name})`, LIVE[1], LIVE[2]], stage.at, async (world) => {
    const { form } = stage;
    const old = await stage.admit(world, { form });
    const young = requestFor(stage, world, await stage.admit(world, { form, entity: old.entity }));
    const late = requestFor(stage, world, old);
    return { good: () => stage.send(world, young), bad: () => stage.send(world, late) };
  });

const AT_GATEWAY = [GATEWAY_ASSIGNS, BY_CERTIFICATE];
const TARGETS = [...AT_GATEWAY, FORWARDED, RELAYED];
export const TOKEN_ROWS: readonly KeyRow[] = [
  ...assignmentRows(
    [GATEWAY_ASSIGNS, RELAYED, ENROLLING],
    [['entity of another trust domain', DOMAIN, 'TRUST_DOMAIN', elsewhere]],
  ),
  ...assignmentRows(TARGETS, ALTERED),
  ...assignmentRows(TARGETS, [SWAPPED_CSR], 'key-pair'),
  ...assignmentRows([ENROLLING], OF_ENROLMENT),
  ...assignmentRows([GATEWAY_ASSIGNS, RELAYED], OTHER),
  ...assignmentRows([FORWARDED], [[MISDIRECTED, ASSIGNER, 'TOKEN_OTHER_ASSIGNER', ofProbe]]),
  ...assignmentRows([RELAYED], [[UNDER_WAY, ASSIGNER, 'DEPENDENCY_UNAVAILABLE', ofProbe]]),
  ...assignmentRows([RELAYED], [['another path told than was called', MAC, 'TOKEN_MAC', { told: RENEW_METHOD }]]),
  ...assignmentRows([...AT_GATEWAY, RELAYED, ENROLLING], OVER, 'key-pair'),
  ...[FORWARDED, RELAYED, ENROLLING].map(overLiveKey),
  ...endRows([...TARGETS, ENROLLING], ENDS),
  ...endRows([GATEWAY_ASSIGNS, RELAYED, ENROLLING], EXPIRIES),
];
