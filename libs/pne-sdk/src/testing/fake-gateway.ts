/** The ports of a PN GW, and the token port of a Server, over TLS on 127.0.0.1, with a {@link FakeAssigner} behind them. */
import { dersToPem, derToPem, privateKeyPem, type Credentials } from '@cpns/certificate-issuance';
import { EntityUserKeyServiceService, PnGatewayServiceService, type AssignmentRequest } from '@cpns/contracts';
import { CpnsError, serviceUri, type Clock, type ConfirmKey } from '@cpns/core';
import {
  createServerPort,
  implement,
  peerIdentifier,
  type CallContext,
  type CallerEntity,
  type Handlers,
  type IdentifyPeer,
  type ProofVerifier,
  type ServerPort,
} from '@cpns/grpc';
import { TestServer } from '@cpns/group-key/testing';
import {
  deriveConfirmKey,
  deriveKeyId,
  keyIdBytes,
  parseProof,
  sha256,
  verifyProof,
  type Proof,
  type ProofCall,
} from '@cpns/key-derivation';
import type { Logger } from '@cpns/telemetry';
import { MemoryLog } from '@cpns/telemetry/testing';
import { assigner, eachAssigner, GATEWAY, TRUST_DOMAIN, type FakeAssigner } from './fake-assigner';
import { FakeGroups } from './fake-groups';

type Told = Readonly<Record<string, string>>;

const { renewEntityUserKey, ...SERVED } = PnGatewayServiceService;

function handlersOf(gateway: FakeGateway): Handlers<typeof SERVED> {
  /** The groups of the caller, under the key that the Server has of it. */
  const channelOf = (call: CallContext) => {
    gateway.answering();
    const { entity } = call.requireEntity();
    const secret = gateway.assigner.keys.get(entity);
    if (secret === undefined) throw new CpnsError('KEY_UNKNOWN', 'no such key');
    gateway.groups.register({ entity, secret, keyId: deriveKeyId(secret) });
    return gateway.groups.channelOf(entity);
  };
  const changed =
    (how: 'join' | 'leave') =>
    async ({ groupId }: { readonly groupId: string }, call: CallContext) => {
      gateway.decide('smf', call);
      await channelOf(call)[how](groupId);
      return { membershipRevision: 1n };
    };
  return {
    assignEntityUserKey: async ({ request }, call) => ({
      ...(await gateway.assign(request, call.method)),
      certificatePort: gateway.certificatePort,
    }),
    registerEntityUserKey: ({ request }) => {
      gateway.answering();
      const { certificatePort } = gateway;
      return Promise.resolve({ reply: gateway.assigner.register(request), certificatePort });
    },
    reportCapabilities: (_request, call) => {
      gateway.callers.push(call.requireEntity());
      gateway.decide('cpns-server', call);
      return Promise.resolve({ recordedAt: BigInt(gateway.assigner.clock.now()) });
    },
    joinServiceGroup: changed('join'),
    leaveServiceGroup: changed('leave'),
    pullGroupKey: async ({ groupId, version }, call) => ({ delivery: await channelOf(call).pull(groupId, version) }),
    watchGroupKeys: async (_request, call) => {
      for await (const message of await channelOf(call).watch(call.signal)) await call.write(message);
    },
  };
}

const tlsOf = ({ chain, privateKey }: Pick<Credentials, 'chain' | 'privateKey'>, root: Buffer) => ({
  cert: dersToPem(chain),
  key: privateKeyPem(privateKey),
  ca: derToPem(root),
});

/** Of the tests of a file, which {@link eachGateway} starts. */
export let gateway: FakeGateway;

/** {@link eachAssigner} behind a gateway. */
export function eachGateway(clock: Clock, { logger } = new MemoryLog()): void {
  eachAssigner(clock);
  beforeAll(async () => {
    gateway = await FakeGateway.start(assigner, logger);
  });
  afterAll(() => gateway.stop());
}

export class FakeGateway {
  /** Who called with a key, and how it showed that. */
  readonly callers: CallerEntity[] = [];
  /** What the CPNS Server and this gateway know of Service Groups. */
  readonly groups: FakeGroups;
  /** How many of the next exchanges find the Server away. */
  unavailable = 0;
  /** How many of the next proofs are of a key that it does not know yet. */
  unknown = 0;
  /** How far the clocks of verifiers are ahead of the device's, milliseconds; by audience. */
  readonly ahead = new Map<string, number>();
  /** Alters what is told with PROOF_OUTSIDE_WINDOW. */
  tell: (told: Told, proof: Proof, key: ConfirmKey) => Told = () => ({});
  /** The good proofs, each with its audience. */
  readonly proofs: (Proof & { readonly audience: string })[] = [];
  /** What it tells of its ports. */
  certificatePort = 0;
  readonly #ports: readonly ServerPort[];

  private constructor(
    readonly assigner: FakeAssigner,
    logger: Logger,
  ) {
    const { root, authorities, clock } = assigner;
    this.groups = new FakeGroups(new TestServer(authorities.pki, authorities.server, clock));
    const gateway = implement(SERVED, handlersOf(this));
    const { assignEntityUserKey } = EntityUserKeyServiceService;
    const server = implement(
      { assignEntityUserKey },
      {
        assignEntityUserKey: async ({ request, method }) => ({
          ...(await this.assign(request, method)),
          credential: undefined,
        }),
      },
    );
    const common = { listen: '127.0.0.1:0', logger, clock: assigner.clock };
    const own = tlsOf(authorities.gateway, root);
    this.#ports = [
      createServerPort({ ...common, clients: 'none', tls: own, services: [gateway], verifyProof: this.verifier() }),
      createServerPort({ ...common, clients: 'certificate', tls: own, services: [gateway], identify: this.identify() }),
      createServerPort({ ...common, clients: 'none', tls: tlsOf(authorities.server, root), services: [server] }),
    ];
  }

  static async start(assigner: FakeAssigner, logger: Logger): Promise<FakeGateway> {
    const gateway = new FakeGateway(assigner, logger);
    for (const port of gateway.#ports) await port.start();
    return gateway;
  }

  private address(index: number): string {
    return `127.0.0.1:${this.#ports[index]!.port}`;
  }

  get tokenAddress(): string {
    return this.address(0);
  }

  get certificateAddress(): string {
    return this.address(1);
  }

  get serverTokenAddress(): string {
    return this.address(2);
  }

  async assign(request: AssignmentRequest | undefined, method: string) {
    this.answering();
    return { reply: await this.assigner.assign(request, method) };
  }

  /** @throws CpnsError DEPENDENCY_UNAVAILABLE while the Server is away */
  answering(): void {
    if (this.unavailable === 0) return;
    this.unavailable--;
    throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the CPNS Server does not answer; try again');
  }

  async stop(): Promise<void> {
    for (const port of this.#ports) await port.stop(0);
  }

  private verifier(): ProofVerifier {
    return (bytes, method, requestDigest) => {
      const { entity, keyId } = this.verify(bytes, { audience: GATEWAY, method, requestDigest });
      const user = this.assigner.users.get(entity) ?? '';
      return Promise.resolve({ entity, user, keyId: keyIdBytes(keyId) });
    };
  }

  /** The service behind this gateway verifies the entity's own proof. */
  decide(service: 'smf' | 'cpns-server', { entityProof, method, requestBytes }: CallContext): void {
    const audience = serviceUri(TRUST_DOMAIN, service);
    this.verify(entityProof ?? Buffer.alloc(0), { audience, method, requestDigest: sha256(requestBytes) });
  }

  private verify(bytes: Buffer, call: ProofCall): Proof {
    const proof = parseProof(bytes);
    const secret = this.unknown > 0 ? undefined : this.assigner.keys.get(proof.entity);
    this.unknown = Math.max(0, this.unknown - 1);
    if (secret === undefined || deriveKeyId(secret) !== proof.keyId) throw new CpnsError('KEY_UNKNOWN', 'no such key');
    const key = deriveConfirmKey(secret);
    try {
      verifyProof(key, proof, call, this.assigner.clock.now() + (this.ahead.get(call.audience) ?? 0));
    } catch (error) {
      if (!(error instanceof CpnsError)) throw error;
      const metadata = { ...error.metadata, ...this.tell(error.metadata, proof, key) };
      throw new CpnsError(error.reason, error.message, { metadata });
    }
    this.proofs.push({ ...proof, audience: call.audience });
    return proof;
  }

  private identify(): IdentifyPeer {
    const issuingCaDer = this.assigner.authorities.pki.issuingCa.chain[0]!;
    return peerIdentifier({ issuingCaDer, trustDomain: TRUST_DOMAIN, clock: this.assigner.clock });
  }
}
