/** Proofs of a secret (protocol.md, "Proof of a secret, on each call"), at whoever verifies them. */
import {
  KeyStorage,
  LinkSecurity,
  PnGatewayServiceService,
  PnGatewayServiceReportCapabilitiesRequest,
  ProofServiceService,
} from '@cpns/contracts';
import { deriveConfirmKey, deriveKeyId, PROOF_METADATA, sha256 } from '@cpns/key-derivation';
import { flipped, freshNonce, sealProof, sealSecretRegistration, type ProofDraft } from '../../support/drafts';
import type { Refusal } from '../../support/wire';
import { row, type Expectation, type Item, type Row } from '../row';
import type { World } from '../world';
import { assignSecret } from './assignment-stage';
import { register } from './registration-stage';

const { reportCapabilities } = PnGatewayServiceService;

/** What is sent with the proof: the message itself, or what a gateway tells of it. */
interface Sent {
  readonly proof: Buffer;
  readonly body: Buffer;
}

interface Verifier {
  readonly name: string;
  readonly at: 'gateway token' | 'Server certificate';
  /** A device with a live key that this verifier holds. */
  readonly device: (world: World) => Promise<Omit<ProofDraft, 'timeMs' | 'nonce' | 'requestDigest'>>;
  readonly send: (world: World, sent: Sent, method: string) => Promise<unknown>;
}

const body = (softwareVersion: string): Buffer =>
  Buffer.from(
    PnGatewayServiceReportCapabilitiesRequest.encode({
      capabilities: {
        linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
        keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
        softwareVersion,
      },
    }).finish(),
  );

/** A device of a key that the Server assigned, or one that the gateway did and the Server knows. */
async function deviceOf(world: World, assigner: 'server' | 'gateway') {
  const token = await world.admit({ form: 'secret', assigner });
  const { secret, seed, notAfter } = await assignSecret(world, token);
  const { entity, user, tokenId } = token;
  if (seed !== undefined) {
    const terms = { ...seed, tokenId, gateway: world.gatewayUri, entity, user, notAfter, nonce: freshNonce() };
    await register(world, 'gateway token', sealSecretRegistration({ terms, secret }));
  }
  const keyId = deriveKeyId(secret);
  return { confirmKey: deriveConfirmKey(secret), keyId, entity, method: reportCapabilities.path };
}

const callGateway: Verifier['send'] = (world, sent) =>
  world.wire('gateway token').send(reportCapabilities.path, sent.body, { metadata: { [PROOF_METADATA]: sent.proof } });

/** The gateway verifies keys that it assigned. */
const BY_GATEWAY: Verifier = {
  name: 'verified by the gateway',
  at: 'gateway token',
  device: async (world) => ({ ...(await deviceOf(world, 'gateway')), audience: world.gatewayUri }),
  send: callGateway,
};
/** The Server verifies its own, for the gateway that was called. */
const BY_SERVER: Verifier = {
  name: 'verified by the Server',
  at: 'gateway token',
  device: async (world) => ({ ...(await deviceOf(world, 'server')), audience: world.gatewayUri }),
  send: callGateway,
};
/** ProofService, asked by the suite's own gateway. */
const PROOF_SERVICE: Verifier = {
  name: 'ProofService',
  at: 'Server certificate',
  device: async (world) => ({ ...(await deviceOf(world, 'server')), audience: world.probe.uri }),
  send: (world, sent, method) =>
    world
      .wire('Server certificate', 'PN GW')
      .call(ProofServiceService.verifyProof, { proof: sent.proof, method, requestDigest: sha256(sent.body) }),
};

interface AlteredProof {
  readonly id: string;
  readonly item: Item;
  /** What the proof says or is made for. */
  readonly draft?: (draft: ProofDraft, world: World, accepted: ProofDraft) => ProofDraft;
  /** What is sent in the end. */
  readonly sent?: (sent: Sent, accepted: Sent) => Sent;
  readonly expect: Expectation;
  /** The details have the verifier's time, and this difference, milliseconds. */
  readonly difference?: number;
}

const unknown = (reason: Expectation['reason']): Expectation => ({ code: 'UNAUTHENTICATED', reason });
/** A little outside the window, and far enough for a slow machine not to bring it in again. */
const STALE_MS = -75_000;
const FUTURE_MS = 75_000;

const ALTERED: readonly AlteredProof[] = [
  {
    id: 'the same proof and message again',
    item: 'a proof that is replayed',
    sent: (_sent, accepted) => accepted,
    expect: unknown('PROOF_REPLAYED'),
  },
  {
    id: 'a new proof with a used nonce',
    item: 'a proof that is replayed',
    draft: (draft, _world, accepted) => ({ ...draft, nonce: accepted.nonce }),
    expect: unknown('PROOF_REPLAYED'),
  },
  {
    id: 'time of 75 s ago',
    item: 'a proof that is stale',
    draft: (draft) => ({ ...draft, timeMs: Date.now() + STALE_MS }),
    difference: STALE_MS,
    expect: unknown('PROOF_OUTSIDE_WINDOW'),
  },
  {
    id: 'time in 75 s',
    item: 'a proof from the future',
    draft: (draft) => ({ ...draft, timeMs: Date.now() + FUTURE_MS }),
    difference: FUTURE_MS,
    expect: unknown('PROOF_OUTSIDE_WINDOW'),
  },
  {
    id: 'made for another method',
    item: 'a proof for another method',
    draft: (draft) => ({ ...draft, method: PnGatewayServiceService.joinServiceGroup.path }),
    expect: unknown('PROOF_MAC'),
  },
  {
    id: 'made for another gateway',
    item: 'a proof for another audience',
    draft: (draft, { deployment }) => ({ ...draft, audience: deployment.entity('pn1', 'pn-gw', 'gw7') }),
    expect: unknown('PROOF_MAC'),
  },
  {
    id: 'made for the Server',
    item: 'a proof for another audience',
    draft: (draft, { serverUri }) => ({ ...draft, audience: serverUri }),
    expect: unknown('PROOF_MAC'),
  },
  {
    id: 'another message under the proof',
    item: 'a proof for another body',
    sent: ({ proof }) => ({ proof, body: body('9.9.9') }),
    expect: unknown('PROOF_MAC'),
  },
  {
    id: 'MAC with one bit changed',
    item: 'a proof for another body',
    sent: (sent) => ({ ...sent, proof: flipped(sent.proof) }),
    expect: unknown('PROOF_MAC'),
  },
  {
    id: 'key-id of no key',
    item: 'a token that is unknown',
    draft: (draft) => ({ ...draft, keyId: '0'.repeat(32) }),
    expect: unknown('KEY_UNKNOWN'),
  },
  {
    id: 'entity of another PN',
    item: 'a token for another entity',
    draft: (draft, world) => ({ ...draft, entity: world.entity('pn2') }),
    expect: { code: 'PERMISSION_DENIED', reason: 'PN_MISMATCH' },
  },
];

interface Calls {
  readonly world: World;
  readonly unaltered: Sent;
  readonly draft: ProofDraft;
  readonly method: string;
}

const MESSAGE = body('1.0.0');

const fresh = (draft: Omit<ProofDraft, 'timeMs' | 'nonce' | 'requestDigest'>): ProofDraft => ({
  ...draft,
  timeMs: Date.now(),
  nonce: freshNonce(),
  requestDigest: sha256(MESSAGE),
});

function checkWindow(difference: number) {
  return ({ metadata }: Refusal) => {
    const told = { time: Number(metadata.verifier_time_ms), difference: Number(metadata.difference_ms) };
    expect(Object.keys(metadata).sort()).toEqual(['difference_ms', 'verifier_time_ms']);
    expect(Math.abs(told.time - Date.now())).toBeLessThan(10_000);
    expect(Math.abs(told.difference - difference)).toBeLessThan(10_000);
  };
}

function proofRow(verifier: Verifier, spec: AlteredProof): Row {
  const { id, item, expect: expectation, difference } = spec;
  return row<Calls>({
    id: `${id} (${verifier.name})`,
    item,
    clause: 'protocol, Proof of a secret',
    at: verifier.at,
    expect: expectation,
    arrange: async (world) => {
      const device = await verifier.device(world);
      const draft = fresh(device);
      const unaltered = { proof: sealProof(draft), body: MESSAGE };
      return { world, unaltered, draft, method: device.method };
    },
    good: ({ world, unaltered, method }) => verifier.send(world, unaltered, method),
    bad: ({ world, unaltered, draft, method }) => {
      const changed = spec.draft?.(fresh(draft), world, draft) ?? fresh(draft);
      const sent = { proof: sealProof(changed), body: MESSAGE };
      return verifier.send(world, spec.sent?.(sent, unaltered) ?? sent, method);
    },
    // the device goes on with its next proof
    after: ({ world, draft, method }) =>
      verifier.send(world, { proof: sealProof(fresh(draft)), body: MESSAGE }, method),
    ...(difference === undefined ? {} : { check: checkWindow(difference) }),
  });
}

/** The key itself is over: what TLS and MAC say is right. */
const revokedKey = (verifier: Verifier): Row =>
  row<Calls>({
    id: `key that was revoked (${verifier.name})`,
    item: 'a token that is revoked',
    clause: 'protocol, Proof of a secret',
    at: verifier.at,
    expect: { code: 'FAILED_PRECONDITION', reason: 'KEY_REVOKED' },
    arrange: async (world) => {
      const device = await verifier.device(world);
      const draft = fresh(device);
      return { world, unaltered: { proof: sealProof(draft), body: MESSAGE }, draft, method: device.method };
    },
    good: async ({ world, unaltered, method, draft }) => {
      await verifier.send(world, unaltered, method);
      await world.deployment.operator.revokeKey(draft.entity);
    },
    bad: ({ world, draft, method }) => verifier.send(world, { proof: sealProof(fresh(draft)), body: MESSAGE }, method),
  });

/** No proof where one is needed. */
const missing = (): Row =>
  row<Calls>({
    id: 'no proof at all',
    item: 'a caller of the wrong role',
    clause: 'protocol, Proof of a secret',
    at: 'gateway token',
    expect: unknown('PROOF_MISSING'),
    arrange: async (world) => {
      const device = await BY_GATEWAY.device(world);
      const draft = fresh(device);
      return { world, unaltered: { proof: sealProof(draft), body: MESSAGE }, draft, method: device.method };
    },
    good: ({ world, unaltered, method }) => BY_GATEWAY.send(world, unaltered, method),
    bad: ({ world, method }) => world.wire('gateway token').send(method, MESSAGE),
  });

export const PROOF_ROWS: readonly Row[] = [
  ...[BY_GATEWAY, BY_SERVER, PROOF_SERVICE].flatMap((verifier) => ALTERED.map((spec) => proofRow(verifier, spec))),
  revokedKey(BY_SERVER),
  revokedKey(PROOF_SERVICE),
  missing(),
];
