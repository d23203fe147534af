/** Proofs of a secret (protocol.md, "Proof of a secret, on each call"), at each verifier. */
import { PnGatewayServiceService, ProofServiceService } from '@cpns/contracts';
import { PROOF_METADATA, sha256 } from '@cpns/key-derivation';
import { flipped, sealProof, type ProofDraft } from './drafts';
import {
  assignedHolder,
  OTHER_REPORT,
  proofDraft,
  REPORTING,
  secretHolder,
  withOwnProof,
  type Holder,
} from './holders';
import { row, type Shown } from './row';
import type { KeyRow } from './stages';
import type { Refusal } from './wire';
import type { AdmitWish, CastWorld } from './world';

const { reportCapabilities, joinServiceGroup } = PnGatewayServiceService;
const BODY = REPORTING.body;

/** What is sent with the proof: the message itself, or what a gateway tells of it. */
interface Sent {
  readonly proof: Buffer;
  readonly body: Buffer;
  readonly holder: Holder;
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
  send: (world, { proof, body, holder }) => {
    const own = withOwnProof(world, holder, { ...REPORTING, body });
    const metadata = { [PROOF_METADATA]: proof, ...own };
    return world.wire('gateway token').send(reportCapabilities.path, body, { metadata });
  },
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
const verification = ({ proof, body }: Pick<Sent, 'proof' | 'body'>) => ({
  proof,
  method: reportCapabilities.path,
  requestDigest: sha256(body),
  relay: '',
  relayCertificateDigest: Buffer.alloc(0),
});

/** @returns a proof of a device of that verifier that is good whenever it is made, and how it is sent */
async function deviceOf(world: CastWorld, by: Verifier) {
  return proving(world, by, await secretHolder(world, by.assigner));
}

function proving(world: CastWorld, { audience }: Verifier, holder: Holder) {
  const proven = { audience: audience(world), method: reportCapabilities, body: BODY };
  return {
    holder,
    fresh: () => proofDraft(world, holder, proven),
    sealed: (draft: ProofDraft): Sent => ({ proof: sealProof(draft), body: BODY, holder }),
  };
}

/** A device that may not have registered its key yet. */
export async function assignedDevice(world: CastWorld, by: Verifier, wish: Partial<AdmitWish> = {}) {
  const { token, holder, registered } = await assignedHolder(world, by.assigner, wish);
  const { fresh, sealed } = proving(world, by, holder);
  const send = (draft: ProofDraft) => by.send(world, sealed(draft));
  return { token, registered, fresh, send, prove: () => send(fresh()) };
}

/** A request to ProofService that is good when it is made. @param ahead of the time there, milliseconds */
export async function verifyingRequest(world: CastWorld, ahead = 0) {
  const { fresh, sealed } = await deviceOf(world, PROOF_SERVICE);
  return verification(sealed({ ...fresh(), timeMs: world.now() + ahead }));
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
    expect(Object.keys(metadata).sort()).toEqual(['difference_ms', 'time_mac', 'verifier_time_ms']);
    expect(Math.abs(Number(metadata.verifier_time_ms) - world.now())).toBeLessThan(10_000);
    expect(Math.abs(Number(metadata.difference_ms) - difference)).toBeLessThan(10_000);
  },
});
const replayed: AlteredProof = { draft: (_draft, _world, accepted) => accepted };
const sameNonce: AlteredProof = { draft: (_draft, _world, { nonce }) => ({ nonce }) };
const otherMethod: AlteredProof = { draft: () => ({ method: joinServiceGroup.path }) };
const otherGateway: AlteredProof = { draft: ({ audience }) => ({ audience: `${audience}7` }) };
const forServer: AlteredProof = { draft: (_draft, { serverUri }) => ({ audience: serverUri }) };
const otherBody: AlteredProof = { sent: () => ({ body: OTHER_REPORT }) };
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
    const { fresh, sealed } = await deviceOf(world, by);
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
  const { fresh, sealed } = await deviceOf(world, verifier);
  return () => verifier.send(world, sealed(fresh()));
}

type End = (world: CastWorld, entity: string) => Promise<unknown>;
/** The key itself is over: what TLS and MAC say is right. */
const overRow = (by: Verifier, ended: 'revoked' | 'expired', end: End): KeyRow => {
  const id = `key that ${ended === 'revoked' ? 'was' : 'has'} ${ended} (${by.name})`;
  const expect = ended === 'revoked' ? 'KEY_REVOKED' : 'KEY_EXPIRED';
  return row([id, `a token that is ${ended}`, expect], by.at, async (world) => {
    const { fresh, sealed } = await deviceOf(world, by);
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
