/** An entity's own proof to the service that decides (protocol.md), at its gateway and at the CPNS Server. */
import { DeviceCapabilitiesServiceService, PnGatewayServiceService, ProofServiceService } from '@cpns/contracts';
import { METADATA } from '@cpns/grpc';
import { PROOF_METADATA, sha256 } from '@cpns/key-derivation';
import { X509Certificate } from 'node:crypto';
import { extended, flipped, sealProof, type ProofDraft } from './drafts';
import {
  CAPABILITIES,
  certificateHolder,
  joining,
  OTHER_REPORT,
  ownDraft,
  proofDraft,
  REPORTING,
  secretHolder,
  type Asked,
  type Holder,
} from './holders';
import { row, type Expected, type Shown } from './row';
import type { KeyRow } from './stages';
import type { TestGateway } from './test-gateway';
import type { Refusal, Wire, WireTls } from './wire';
import type { CastWorld, Port } from './world';

const { reportCapabilities, leaveServiceGroup } = PnGatewayServiceService;

/** What the entity sent to its gateway. */
export interface OwnRequest {
  readonly proof: Buffer;
  readonly body: Buffer;
}

/** What is altered of a proof, once an unaltered one was accepted. @param other a second device */
export interface AlteredOwn {
  readonly draft?: (own: ProofDraft, accepted: ProofDraft, world: CastWorld) => Partial<ProofDraft>;
  readonly by?: 'another entity';
  readonly sent?: (own: OwnRequest) => Partial<OwnRequest>;
  readonly check?: (refusal: Refusal) => void;
  /** The nonce is spent when a later check refuses. */
  readonly spends?: true;
}

export const NONCE_SPENT = /proof\/cpns:\S+ nonce\.[0-9a-f]{32} was added$/;
const OWN = 'an entity’s own proof that is';
const FOR = 'an entity’s own proof for another';
const WINDOW = 'PROOF_OUTSIDE_WINDOW';

const ofEntity = ({ metadata }: Refusal) => expect(metadata.proof).toBe('entity');
const late = (milliseconds: number): AlteredOwn => ({
  draft: (_own, _accepted, world) => ({ timeMs: world.now() + milliseconds }),
  check: ({ metadata }) => expect(metadata.time_mac).toMatch(/^[0-9a-f]{64}$/),
});
const MISSING: AlteredOwn = { sent: () => ({ proof: Buffer.alloc(0) }), check: ofEntity };
const LONGER: AlteredOwn = { sent: ({ proof }) => ({ proof: extended(proof) }) };
const OTHERS: AlteredOwn = { by: 'another entity' };
const ANOTHER_BODY: AlteredOwn = { sent: () => ({ body: OTHER_REPORT }) };

/** What the gateway sees. */
const FORM: readonly (readonly [...Shown, AlteredOwn])[] = [
  ['no own proof', `${OWN} missing`, 'PROOF_MISSING', MISSING],
  ['own proof with a byte behind it', `${OWN} missing`, 'MALFORMED_MESSAGE', LONGER],
  ['own proof of another entity', `${OWN} foreign`, 'PROOF_MAC', OTHERS],
];

/** What only the service that decides sees, and S. */
export const OWN_PROOFS: readonly (readonly [...Shown, AlteredOwn])[] = [
  ...FORM,
  ['own proof with a bit changed', `${OWN} foreign`, 'PROOF_MAC', { sent: ({ proof }) => ({ proof: flipped(proof) }) }],
  ['own proof of no key', `${OWN} foreign`, 'KEY_UNKNOWN', { draft: () => ({ keyId: '0'.repeat(32) }) }],
  ['own proof for the gateway', `${FOR} audience`, 'PROOF_MAC', { draft: (_o, _a, w) => ({ audience: w.probe.uri }) }],
  ['own proof to leave', `${FOR} method`, 'PROOF_MAC', { draft: () => ({ method: leaveServiceGroup.path }) }],
  ['another message under the own proof', `${FOR} body`, 'PROOF_MAC', ANOTHER_BODY],
  ['own proof of 75 s ago', `${OWN} stale`, WINDOW, late(-75_000)],
  ['own proof in 75 s', `${OWN} stale`, WINDOW, late(75_000)],
  ['the same own proof again', `${OWN} replayed`, 'PROOF_REPLAYED', { draft: (_own, accepted) => accepted }],
  [
    'own proof from before the last one',
    `${OWN} overtaken`,
    'REQUEST_OVERTAKEN',
    { draft: (_own, { timeMs }) => ({ timeMs: timeMs - 1 }), spends: true },
  ],
];

/** Where an entity's own proof comes to, and how. */
interface Receiver<W = CastWorld> {
  readonly name: string;
  readonly at: Port;
  readonly holder: (world: W) => Promise<Holder>;
  readonly send: (world: W, holder: Holder, own: OwnRequest) => Promise<unknown>;
  /** The proof to the gateway was good before the own one was looked at. */
  readonly spends?: true;
}

export const ownRow = <W extends CastWorld>(
  [id, item, expect, { draft, by, sent, check, spends }]: (typeof OWN_PROOFS)[number],
  { asked, name, at, holder, send, ...to }: Receiver<W> & { readonly asked: Asked },
) =>
  row<W>(
    [`${id} (${name})`, item, expect],
    at,
    async (world) => {
      const [one, other] = [await holder(world), await holder(world)];
      const accepted = ownDraft(world, one, asked);
      const sealed = (own: ProofDraft): OwnRequest => ({ proof: sealProof(own), body: asked.body });
      return {
        good: () => send(world, one, sealed(accepted)),
        bad: () => {
          const own = ownDraft(world, by === undefined ? one : other, asked);
          const changed = sealed({ ...own, ...draft?.(own, accepted, world) });
          return send(world, one, { ...changed, ...sent?.(changed) });
        },
        // the entity goes on with its next request
        after: () => send(world, one, sealed(ownDraft(world, one, asked))),
        check,
      };
    },
    (spends ?? to.spends) && NONCE_SPENT,
  );

const ownMetadata = ({ proof }: OwnRequest): Record<string, Buffer> =>
  proof.length === 0 ? {} : { [METADATA.entityProof]: proof };

const TO_GATEWAY: readonly Receiver[] = [
  {
    name: 'own, with a proof',
    at: 'gateway token',
    spends: true,
    holder: (world) => secretHolder(world, 'gateway'),
    send: (world, holder, own) => {
      const hop = proofDraft(world, holder, { audience: world.gatewayUri, method: reportCapabilities, body: own.body });
      const metadata = { [PROOF_METADATA]: sealProof(hop), ...ownMetadata(own) };
      return world.wire('gateway token').send(reportCapabilities.path, own.body, { metadata });
    },
  },
  {
    name: 'own, with a certificate',
    at: 'gateway certificate',
    holder: (world) => certificateHolder(world),
    send: (world, holder, own) => {
      const { tls } = holder as Awaited<ReturnType<typeof certificateHolder>>;
      const wire = world.wireAs('gateway certificate', tls);
      return wire.send(reportCapabilities.path, own.body, { metadata: ownMetadata(own) });
    },
  },
];

const relayed = (wire: Wire, { entity }: Holder, { proof, body }: OwnRequest) =>
  wire.call(DeviceCapabilitiesServiceService.reportCapabilities, {
    ...CAPABILITIES,
    entity,
    authenticatedBy: undefined,
    entityRequest: body,
    entityProof: proof,
  });

/** A report as a gateway relays it to the Server, good whenever it is made. */
export const relayReport = (world: CastWorld, wire: Wire, holder: Holder) =>
  relayed(wire, holder, { proof: sealProof(ownDraft(world, holder, REPORTING)), body: REPORTING.body });

const AT_SERVER = 'Server certificate';
const TO_SERVER: readonly Receiver[] = [
  {
    name: 'relayed report, of a secret',
    at: AT_SERVER,
    holder: (world) => secretHolder(world),
    send: (world, holder, own) => relayed(world.wire(AT_SERVER, 'PN GW'), holder, own),
  },
  {
    name: 'relayed report, of a certificate',
    at: AT_SERVER,
    holder: (world) => certificateHolder(world, { assigner: 'server' }, AT_SERVER),
    send: (world, holder, own) => relayed(world.wire(AT_SERVER, 'PN GW'), holder, own),
  },
];

/** What the SMF tells the Server of a request that a gateway relayed to it. */
export const relayedVerification = (world: CastWorld, holder: Holder, { uri, tls }: TestGateway = world.probe) => {
  const asked = joining('group');
  return {
    proof: sealProof(ownDraft(world, holder, asked)),
    method: asked.method.path,
    requestDigest: sha256(asked.body),
    relay: uri,
    relayCertificateDigest: digestOf(tls),
  };
};
type Verification = ReturnType<typeof relayedVerification>;
const digestOf = ({ cert = '' }: WireTls) => sha256(new X509Certificate(cert).raw);

const ofRelay = ({ metadata }: Refusal) => expect(metadata.certificate).toBe('relay');
const A_RELAY = 'a relay that is';
const NOBODY = Buffer.alloc(0);
const RELAYS: readonly (readonly [...Shown, (sent: Verification, world: CastWorld) => Partial<Verification>])[] = [
  ['no relay', `${A_RELAY} not named`, 'FIELD_MISSING relay', () => ({ relay: '' })],
  [
    'no certificate of the relay',
    `${A_RELAY} not named`,
    'FIELD_MISSING relay_certificate_digest',
    () => ({ relayCertificateDigest: NOBODY }),
  ],
  [
    'a relay with another certificate',
    `${A_RELAY} revoked`,
    'CERTIFICATE_REVOKED',
    ({ relayCertificateDigest }) => ({ relayCertificateDigest: flipped(relayCertificateDigest) }),
  ],
  ['a relay that never enrolled', `${A_RELAY} revoked`, 'CERTIFICATE_REVOKED', ({ relay }) => ({ relay: `${relay}7` })],
  [
    'a relay of another PN',
    `${A_RELAY} of another PN`,
    'PN_MISMATCH',
    (_sent, { other }) => ({ relay: other.uri, relayCertificateDigest: digestOf(other.tls) }),
  ],
];

/** VerifyProof by the SMF. */
const RELAY_ROWS: readonly KeyRow[] = RELAYS.map(([id, item, expect, change]) =>
  row([`${id} (for SMF)`, item, expect], AT_SERVER, async (world) => {
    const holder = await secretHolder(world);
    const verify = (sent: Verification) =>
      world.wire(AT_SERVER, 'service smf').call(ProofServiceService.verifyProof, sent);
    const late = relayedVerification(world, holder);
    return {
      good: () => verify(relayedVerification(world, holder)),
      bad: () => verify({ ...late, ...change(late, world) }),
      after: () => verify(late),
      check: expect === 'CERTIFICATE_REVOKED' ? ofRelay : undefined,
    };
  }),
);

const toGateway = (world: CastWorld, holder: Holder) => {
  const proven = { audience: world.probe.uri, method: reportCapabilities, body: REPORTING.body };
  return {
    proof: sealProof(proofDraft(world, holder, proven)),
    method: reportCapabilities.path,
    requestDigest: sha256(REPORTING.body),
    relay: '',
    relayCertificateDigest: NOBODY,
  };
};
/** VerifyProof by a gateway. */
const byGateway = (id: string, item: string, expect: Expected, bad: typeof toGateway): KeyRow =>
  row([id, item, expect], AT_SERVER, async (world) => {
    const [secret, pair] = [
      await secretHolder(world),
      await certificateHolder(world, { assigner: 'server' }, AT_SERVER),
    ];
    const verify = (sent: Verification) => world.wire(AT_SERVER, 'PN GW').call(ProofServiceService.verifyProof, sent);
    return { good: () => verify(toGateway(world, secret)), bad: () => verify(bad(world, pair)) };
  });

export const ENTITY_PROOF_ROWS: readonly KeyRow[] = [
  ...TO_GATEWAY.flatMap((to) => FORM.map((one) => ownRow<CastWorld>(one, { ...to, asked: REPORTING }))),
  ...TO_SERVER.flatMap((to) => OWN_PROOFS.map((one) => ownRow<CastWorld>(one, { ...to, asked: REPORTING }))),
  ...RELAY_ROWS,
  byGateway('a proof by S of a certificate, for a gateway', `${OWN} foreign`, 'KEY_UNKNOWN', toGateway),
  byGateway('a relay that a gateway names', `${A_RELAY} not named`, 'FIELD_OUT_OF_RANGE relay', (world, holder) => ({
    ...toGateway(world, holder),
    relay: world.probe.uri,
  })),
];
