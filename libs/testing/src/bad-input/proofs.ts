/** Proofs of a secret (protocol.md, "Proof of a secret, on each call"), at each verifier. */
import {
  KeyStorage,
  LinkSecurity,
  PnGatewayServiceService,
  ProofServiceService,
  PnGatewayServiceReportCapabilitiesRequest,
} from '@cpns/contracts';
import { deriveConfirmKey, deriveKeyId, PROOF_METADATA, sha256 } from '@cpns/key-derivation';
import { flipped, freshNonce, sealProof, sealSecretRegistration, type ProofDraft } from './drafts';
import { row, type Shown } from './row';
import { assignSecret, register, registrationOf, type KeyRow } from './stages';
import type { Refusal } from './wire';
import type { CastWorld } from './world';

const { reportCapabilities, joinServiceGroup } = PnGatewayServiceService;

const capabilities = (softwareVersion: string) => ({
  capabilities: {
    linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
    keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
    softwareVersion,
  },
});
export const CAPABILITIES = capabilities('1.0.0');
const bodyOf = (message: typeof CAPABILITIES): Buffer =>
  Buffer.from(PnGatewayServiceReportCapabilitiesRequest.encode(message).finish());
const BODY = bodyOf(CAPABILITIES);

/** What is sent with the proof: the message itself, or what a gateway tells of it. */
interface Sent {
  readonly proof: Buffer;
  readonly body: Buffer;
}

interface Verifier {
  readonly name: string;
  readonly at: 'gateway token' | 'Server certificate';
  /** What assigned the key, which is what verifies. */
  readonly assigner: 'gateway' | 'server';
  /** What the proof is made for. */
  readonly audience: (world: CastWorld) => string;
  readonly send: (world: CastWorld, sent: Sent) => Promise<unknown>;
}

/** The gateway verifies keys that it assigned. */
export const BY_GATEWAY: Verifier = {
  name: 'verified by the gateway',
  at: 'gateway token',
  assigner: 'gateway',
  audience: ({ gatewayUri }) => gatewayUri,
  send: (world, { proof, body }) =>
    world.wire('gateway token').send(reportCapabilities.path, body, { metadata: { [PROOF_METADATA]: proof } }),
};
/** The Server verifies its own, for the gateway that was called. */
export const BY_SERVER: Verifier = { ...BY_GATEWAY, name: 'verified by the Server', assigner: 'server' };
/** ProofService, asked by the test's own gateway. */
export const PROOF_SERVICE: Verifier = {
  name: 'ProofService',
  at: 'Server certificate',
  assigner: 'server',
  audience: ({ probe }) => probe.uri,
  send: (world, sent) =>
    world.wire('Server certificate', 'PN GW').call(ProofServiceService.verifyProof, verification(sent)),
};
/** What a gateway tells the Server of a call. */
const verification = ({ proof, body }: Sent) => ({
  proof,
  method: reportCapabilities.path,
  requestDigest: sha256(body),
});

/**
 * A device of a key that the Server assigned, or one that the gateway did and the Server knows.
 * @returns a proof that is good whenever it is made
 */
async function deviceOf(world: CastWorld, by: Verifier): Promise<() => ProofDraft> {
  const { registered, fresh } = await assignedDevice(world, by);
  if (by.assigner === 'gateway') await registered();
  return fresh;
}

/** The same before it is registered. */
export async function assignedDevice(world: CastWorld, by: Verifier, entity = world.entity()) {
  const { assigner, audience } = by;
  const token = await world.admit({ form: 'secret', assigner, entity });
  const assigned = await assignSecret(world, token);
  const { secret } = assigned;
  const registered = () =>
    register(world, 'gateway token', sealSecretRegistration(registrationOf(token, assigned, world.gatewayUri)));
  const fresh = (): ProofDraft => ({
    confirmKey: deriveConfirmKey(secret),
    keyId: deriveKeyId(secret),
    entity: token.entity,
    audience: audience(world),
    method: reportCapabilities.path,
    timeMs: world.now(),
    nonce: freshNonce(),
    requestDigest: sha256(BODY),
  });
  const send = (draft: ProofDraft) => by.send(world, sealed(draft));
  return { token, registered, fresh, send, prove: () => send(fresh()) };
}
const sealed = (draft: ProofDraft): Sent => ({ proof: sealProof(draft), body: BODY });

/** A request to ProofService that is good whenever it is sent. */
export async function verifyingRequest(world: CastWorld) {
  const fresh = await deviceOf(world, PROOF_SERVICE);
  return verification(sealed(fresh()));
}

/** What the proof says or is made for, and what is sent in the end. */
interface AlteredProof {
  readonly draft?: (draft: ProofDraft, world: CastWorld, accepted: ProofDraft) => Partial<ProofDraft>;
  readonly sent?: (sent: Sent) => Partial<Sent>;
  readonly check?: (refusal: Refusal, world: CastWorld) => void;
}

/** The details have the verifier's time and the difference, milliseconds; a slow machine does not bring it in again. */
const late = (difference: number): AlteredProof => ({
  draft: (_draft, world) => ({ timeMs: world.now() + difference }),
  check: ({ metadata }, world) => {
    expect(Object.keys(metadata).sort()).toEqual(['difference_ms', 'verifier_time_ms']);
    expect(Math.abs(Number(metadata.verifier_time_ms) - world.now())).toBeLessThan(10_000);
    expect(Math.abs(Number(metadata.difference_ms) - difference)).toBeLessThan(10_000);
  },
});
const replayed: AlteredProof = { draft: (_draft, _world, accepted) => accepted };
const sameNonce: AlteredProof = { draft: (_draft, _world, { nonce }) => ({ nonce }) };
const otherMethod: AlteredProof = { draft: () => ({ method: joinServiceGroup.path }) };
const otherGateway: AlteredProof = { draft: ({ audience }) => ({ audience: `${audience}7` }) };
const forServer: AlteredProof = { draft: (_draft, { serverUri }) => ({ audience: serverUri }) };
const otherBody: AlteredProof = { sent: () => ({ body: bodyOf(capabilities('9.9.9')) }) };
const otherBit: AlteredProof = { sent: ({ proof }) => ({ proof: flipped(proof) }) };
const otherKey: AlteredProof = { draft: () => ({ keyId: '0'.repeat(32) }) };
const otherPn: AlteredProof = { draft: (_draft, world) => ({ entity: world.entity('pn2') }) };
const WINDOW = 'PROOF_OUTSIDE_WINDOW';

const ALTERED: readonly (readonly [...Shown, altered: AlteredProof])[] = [
  ['the same proof and message again', 'a proof that is replayed', 'PROOF_REPLAYED', replayed],
  ['a new proof with a used nonce', 'a proof that is replayed', 'PROOF_REPLAYED', sameNonce],
  ['time of 75 s ago', 'a proof that is stale', WINDOW, late(-75_000)],
  ['time in 75 s', 'a proof from the future', WINDOW, late(75_000)],
  ['made for another method', 'a proof for another method', 'PROOF_MAC', otherMethod],
  ['made for another gateway', 'a proof for another audience', 'PROOF_MAC', otherGateway],
  ['made for the Server', 'a proof for another audience', 'PROOF_MAC', forServer],
  ['another message under the proof', 'a proof for another body', 'PROOF_MAC', otherBody],
  ['MAC with one bit changed', 'a proof for another body', 'PROOF_MAC', otherBit],
  ['key-id of no key', 'a token that is unknown', 'KEY_UNKNOWN', otherKey],
  ['entity of another PN', 'a token for another entity', 'PN_MISMATCH', otherPn],
];

/** A device proves its key, and does so again in another way. */
const alteredRow = (by: Verifier, [id, item, expect, { draft, sent, check }]: (typeof ALTERED)[number]): KeyRow =>
  row([`${id} (${by.name})`, item, expect], by.at, async (world) => {
    const fresh = await deviceOf(world, by);
    const accepted = fresh();
    return {
      good: () => by.send(world, sealed(accepted)),
      bad: () => {
        const own = fresh();
        const changed = sealed({ ...own, ...draft?.(own, world, accepted) });
        return by.send(world, { ...changed, ...sent?.(changed) });
      },
      // the device goes on with its next proof
      after: () => by.send(world, sealed(fresh())),
      check: (refusal) => check?.(refusal, world),
    };
  });

/** A call with a proof that is good whenever it comes. */
export async function provingCall(world: CastWorld, verifier: Verifier): Promise<() => Promise<unknown>> {
  const fresh = await deviceOf(world, verifier);
  return () => verifier.send(world, sealed(fresh()));
}

type End = (world: CastWorld, entity: string) => Promise<unknown>;
/** The key itself is over: what TLS and MAC say is right. */
const overRow = (by: Verifier, ended: 'revoked' | 'expired', end: End): KeyRow => {
  const id = `key that ${ended === 'revoked' ? 'was' : 'has'} ${ended} (${by.name})`;
  const expect = ended === 'revoked' ? 'KEY_REVOKED' : 'KEY_EXPIRED';
  return row([id, `a token that is ${ended}`, expect], by.at, async (world) => {
    const fresh = await deviceOf(world, by);
    const prove = () => by.send(world, sealed(fresh()));
    return { good: () => prove().then(() => end(world, fresh().entity)), bad: prove };
  });
};
const revoked = (by: Verifier) => overRow(by, 'revoked', ({ operator }, entity) => operator.revokeKey(entity));
/** A key past its not-after. @param lifetime that its assigner gave it, milliseconds */
export const expiredKeyRow = (lifetime: number, by = BY_GATEWAY): KeyRow =>
  overRow(by, 'expired', (world) => world.pass(lifetime));

const UNREGISTERED = 'key that is not registered';
const ENDED = 'key whose admission was revoked before it was registered';
/** S of an assignment proves nothing before its registration, and never where its admission ended. */
const unregisteredRow = (id: typeof UNREGISTERED | typeof ENDED, item: string): KeyRow =>
  row([`${id} (${BY_GATEWAY.name})`, item, 'KEY_UNKNOWN'], BY_GATEWAY.at, async (world) => {
    const { token, registered, prove } = await assignedDevice(world, BY_GATEWAY);
    const good = await provingCall(world, BY_GATEWAY);
    if (id === UNREGISTERED) return { good, bad: prove, after: () => registered().then(prove) };
    await world.operator.revokeAdmission(token.entity, token.tokenId);
    await world.delivered();
    return { good, bad: prove, after: good };
  });

const NONE: Shown = ['no proof at all', 'a caller of the wrong role', 'PROOF_MISSING'];
const noProof: KeyRow = row(NONE, BY_GATEWAY.at, async (world) => ({
  good: await provingCall(world, BY_GATEWAY),
  bad: () => world.wire(BY_GATEWAY.at).send(reportCapabilities.path, BODY),
}));

export const PROOF_ROWS: readonly KeyRow[] = [
  ...[BY_GATEWAY, BY_SERVER, PROOF_SERVICE].flatMap((verifier) => ALTERED.map((one) => alteredRow(verifier, one))),
  revoked(BY_SERVER),
  revoked(PROOF_SERVICE),
  unregisteredRow(UNREGISTERED, 'a token that is unknown'),
  unregisteredRow(ENDED, 'a token that is revoked'),
  noProof,
];
