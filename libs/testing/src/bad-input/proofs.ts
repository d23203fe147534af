/** Proofs of a secret (protocol.md, "Proof of a secret, on each call"), at each verifier. */
import {
  KeyStorage,
  LinkSecurity,
  PnGatewayServiceReportCapabilitiesRequest,
  PnGatewayServiceService,
  ProofServiceService,
} from '@cpns/contracts';
import { deriveConfirmKey, deriveKeyId, PROOF_METADATA, sha256 } from '@cpns/key-derivation';
import { flipped, freshNonce, sealProof, sealSecretRegistration, type ProofDraft } from './drafts';
import { row, type RowOf } from './row';
import { assignSecret, register, registrationOf, type KeyRow } from './stages';
import type { Refusal } from './wire';
import type { KeyWorld } from './world';

const { reportCapabilities } = PnGatewayServiceService;

export const CAPABILITIES = {
  capabilities: {
    linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
    keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
    softwareVersion: '1.0.0',
  },
};

const body = (softwareVersion: string): Buffer =>
  Buffer.from(
    PnGatewayServiceReportCapabilitiesRequest.encode({
      capabilities: { ...CAPABILITIES.capabilities, softwareVersion },
    }).finish(),
  );
const MESSAGE = body('1.0.0');

/** What is sent with the proof: the message itself, or what a gateway tells of it. */
interface Sent {
  readonly proof: Buffer;
  readonly body: Buffer;
}

export interface Verifier {
  readonly name: string;
  readonly at: 'gateway token' | 'Server certificate';
  /** Who assigned the key, which is who verifies. */
  readonly assigner: 'gateway' | 'server';
  /** Whom the proof is made for. */
  readonly audience: (world: KeyWorld) => string;
  readonly send: (world: KeyWorld, sent: Sent, deadlineMs?: number) => Promise<unknown>;
}

type Device = Omit<ProofDraft, 'timeMs' | 'nonce' | 'requestDigest'>;

/** A device of a key that the Server assigned, or one that the gateway did and the Server knows. */
async function deviceOf(world: KeyWorld, { assigner, audience }: Verifier): Promise<Device> {
  const token = await world.admit({ form: 'secret', assigner });
  const assigned = await assignSecret(world, token);
  const { secret } = assigned;
  if (assigner === 'gateway')
    await register(world, 'gateway token', sealSecretRegistration(registrationOf(token, assigned, world.gatewayUri)));
  const { entity } = token;
  const terms = { entity, audience: audience(world), method: reportCapabilities.path };
  return { confirmKey: deriveConfirmKey(secret), keyId: deriveKeyId(secret), ...terms };
}

const callGateway: Verifier['send'] = (world, sent, deadlineMs) =>
  world.wire('gateway token').send(reportCapabilities.path, sent.body, {
    metadata: { [PROOF_METADATA]: sent.proof },
    ...(deadlineMs && { deadlineMs }),
  });

/** The gateway verifies keys that it assigned. */
export const BY_GATEWAY: Verifier = {
  name: 'verified by the gateway',
  at: 'gateway token',
  assigner: 'gateway',
  audience: ({ gatewayUri }) => gatewayUri,
  send: callGateway,
};
/** The Server verifies its own, for the gateway that was called. */
export const BY_SERVER: Verifier = { ...BY_GATEWAY, name: 'verified by the Server', assigner: 'server' };
/** ProofService, asked by the test's own gateway. */
export const PROOF_SERVICE: Verifier = {
  name: 'ProofService',
  at: 'Server certificate',
  assigner: 'server',
  audience: ({ probe }) => probe.uri,
  send: (world, { proof, body: message }) =>
    world.wire('Server certificate', 'PN GW').call(ProofServiceService.verifyProof, {
      proof,
      method: reportCapabilities.path,
      requestDigest: sha256(message),
    }),
};

interface AlteredProof {
  readonly id: string;
  readonly item: string;
  readonly expect: string;
  /** What the proof says or is made for. */
  readonly draft?: (draft: ProofDraft, world: KeyWorld, accepted: ProofDraft) => Partial<ProofDraft>;
  /** What is sent in the end. */
  readonly sent?: (sent: Sent, accepted: Sent) => Sent;
  /** The details have the verifier's time, and this difference, milliseconds. */
  readonly difference?: number;
}

const spec = (
  id: string,
  item: string,
  reason: string,
  how: Omit<AlteredProof, 'id' | 'item' | 'expect'>,
): AlteredProof => ({ id, item, expect: `UNAUTHENTICATED/${reason}`, ...how });
const WINDOW = 'PROOF_OUTSIDE_WINDOW';
/** A little outside the window, and far enough for a slow machine not to bring it in again. */
const late = (difference: number): Pick<AlteredProof, 'draft' | 'difference'> => ({
  difference,
  draft: (_draft, world) => ({ timeMs: world.now() + difference }),
});

const ALTERED: readonly AlteredProof[] = [
  spec('the same proof and message again', 'a proof that is replayed', 'PROOF_REPLAYED', {
    sent: (_sent, accepted) => accepted,
  }),
  spec('a new proof with a used nonce', 'a proof that is replayed', 'PROOF_REPLAYED', {
    draft: (_draft, _world, { nonce }) => ({ nonce }),
  }),
  spec('time of 75 s ago', 'a proof that is stale', WINDOW, late(-75_000)),
  spec('time in 75 s', 'a proof from the future', WINDOW, late(75_000)),
  spec('made for another method', 'a proof for another method', 'PROOF_MAC', {
    draft: () => ({ method: PnGatewayServiceService.joinServiceGroup.path }),
  }),
  spec('made for another gateway', 'a proof for another audience', 'PROOF_MAC', {
    draft: ({ audience }) => ({ audience: `${audience}7` }),
  }),
  spec('made for the Server', 'a proof for another audience', 'PROOF_MAC', {
    draft: (_draft, { serverUri }) => ({ audience: serverUri }),
  }),
  spec('another message under the proof', 'a proof for another body', 'PROOF_MAC', {
    sent: ({ proof }) => ({ proof, body: body('9.9.9') }),
  }),
  spec('MAC with one bit changed', 'a proof for another body', 'PROOF_MAC', {
    sent: (sent) => ({ ...sent, proof: flipped(sent.proof) }),
  }),
  spec('key-id of no key', 'a token that is unknown', 'KEY_UNKNOWN', { draft: () => ({ keyId: '0'.repeat(32) }) }),
  {
    id: 'entity of another PN',
    item: 'a token for another entity',
    expect: 'PERMISSION_DENIED/PN_MISMATCH',
    draft: (_draft, world) => ({ entity: world.entity('pn2') }),
  },
];

function checkWindow({ metadata }: Refusal, world: KeyWorld, difference: number): void {
  expect(Object.keys(metadata).sort()).toEqual(['difference_ms', 'verifier_time_ms']);
  expect(Math.abs(Number(metadata.verifier_time_ms) - world.now())).toBeLessThan(10_000);
  expect(Math.abs(Number(metadata.difference_ms) - difference)).toBeLessThan(10_000);
}

interface Proving {
  readonly world: KeyWorld;
  readonly device: Device;
  readonly accepted: ProofDraft;
}

const fresh = ({ now }: { now: number }, device: Device): ProofDraft => ({
  ...device,
  timeMs: now,
  nonce: freshNonce(),
  requestDigest: sha256(MESSAGE),
});
const freshOf = ({ world, device }: Proving) => fresh({ now: world.now() }, device);
const sealed = (draft: ProofDraft): Sent => ({ proof: sealProof(draft), body: MESSAGE });

/** A device proves its key, and does so again in another way, which is refused. */
const provingRow = (
  verifier: Verifier,
  { id, ...shown }: Pick<KeyRow, 'id' | 'item' | 'expect'>,
  how: Pick<RowOf<Proving, KeyWorld>, 'bad' | 'after' | 'check'> & {
    readonly end?: (proving: Proving) => Promise<unknown>;
  },
): KeyRow => {
  const { end, ...rest } = how;
  return row<Proving, KeyWorld>({
    id,
    ...shown,
    at: verifier.at,
    arrange: async (world) => {
      const device = await deviceOf(world, verifier);
      return { world, device, accepted: fresh({ now: world.now() }, device) };
    },
    good: async (proving) => {
      await verifier.send(proving.world, sealed(proving.accepted));
      await end?.(proving);
    },
    ...rest,
  });
};

const alteredRow = (
  verifier: Verifier,
  { id, item, expect: expected, draft, sent, difference }: AlteredProof,
): KeyRow =>
  provingRow(
    verifier,
    { id: `${id} (${verifier.name})`, item, expect: expected },
    {
      bad: (proving) => {
        const { world, accepted } = proving;
        const own = freshOf(proving);
        const changed = sealed({ ...own, ...draft?.(own, world, accepted) });
        return verifier.send(world, sent?.(changed, sealed(accepted)) ?? changed);
      },
      // the device goes on with its next proof
      after: (proving) => verifier.send(proving.world, sealed(freshOf(proving))),
      ...(difference && { check: (refusal: Refusal, { world }: Proving) => checkWindow(refusal, world, difference) }),
    },
  );

/** The key itself is over: what TLS and MAC say is right. */
const overRow = (
  verifier: Verifier,
  shown: Pick<KeyRow, 'id' | 'item' | 'expect'>,
  end: (proving: Proving) => Promise<unknown>,
): KeyRow =>
  provingRow(
    verifier,
    { ...shown, id: `${shown.id} (${verifier.name})` },
    { end, bad: (proving) => verifier.send(proving.world, sealed(freshOf(proving))) },
  );

const revoked = (verifier: Verifier): KeyRow =>
  overRow(
    verifier,
    { id: 'key that was revoked', item: 'a token that is revoked', expect: 'FAILED_PRECONDITION/KEY_REVOKED' },
    ({ world, device }) => world.operator.revokeKey(device.entity),
  );

/** A key past its not-after. @param lifetime that its assigner gave it, milliseconds */
export const expiredKeyRow = (lifetime: number, verifier = BY_GATEWAY): KeyRow =>
  overRow(
    verifier,
    { id: 'key that has expired', item: 'a token that is expired', expect: 'FAILED_PRECONDITION/KEY_EXPIRED' },
    ({ world }) => world.pass(lifetime),
  );

/** A call with a proof that is good whenever it comes. */
export async function provingCall(
  world: KeyWorld,
  verifier: Verifier,
  deadlineMs?: number,
): Promise<() => Promise<unknown>> {
  const device = await deviceOf(world, verifier);
  return () => verifier.send(world, sealed(fresh({ now: world.now() }, device)), deadlineMs);
}

export const PROOF_ROWS: readonly KeyRow[] = [
  ...[BY_GATEWAY, BY_SERVER, PROOF_SERVICE].flatMap((verifier) => ALTERED.map((one) => alteredRow(verifier, one))),
  revoked(BY_SERVER),
  revoked(PROOF_SERVICE),
  provingRow(
    BY_GATEWAY,
    { id: 'no proof at all', item: 'a caller of the wrong role', expect: 'UNAUTHENTICATED/PROOF_MISSING' },
    {
      bad: ({ world }) => world.wire('gateway token').send(reportCapabilities.path, MESSAGE),
    },
  ),
];
