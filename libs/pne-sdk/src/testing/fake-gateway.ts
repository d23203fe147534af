/** The ports of a PN GW, and the token port of a Server, over TLS on 127.0.0.1, with a {@link FakeAssigner} behind them. */
import { dersToPem, derToPem, privateKeyPem, type Credentials } from '@cpns/certificate-issuance';
import {
  EntityUserKeyServiceService,
  PnGatewayServiceService,
  type EntityUserKeyServiceAssignEntityUserKeyRequest,
  type PnGatewayServiceAssignEntityUserKeyRequest,
  type PnGatewayServiceRegisterEntityUserKeyRequest,
  type PnGatewayServiceJoinServiceGroupRequest,
  type PnGatewayServiceLeaveServiceGroupRequest,
  type PnGatewayServicePullGroupKeyRequest,
  type PnGatewayServiceReportCapabilitiesRequest,
  type WatchGroupKeysRequest,
  type WatchGroupKeysResponse,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
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
  type ServerStreamContext,
} from '@cpns/grpc';
import { deriveConfirmKey, deriveKeyId, keyIdBytes, parseProof, verifyProof } from '@cpns/key-derivation';
import type { Logger } from '@cpns/telemetry';
import { GATEWAY, TRUST_DOMAIN, type FakeAssigner } from './fake-assigner';
import { FakeGroups } from './fake-groups';

const { renewEntityUserKey, ...SERVED } = PnGatewayServiceService;

class FakePnGateway implements Handlers<typeof SERVED> {
  constructor(private readonly gateway: FakeGateway) {}

  async assignEntityUserKey({ request }: PnGatewayServiceAssignEntityUserKeyRequest, call: CallContext) {
    this.gateway.answering();
    return { reply: await this.gateway.assigner.assign(request, call.method) };
  }

  registerEntityUserKey({ request }: PnGatewayServiceRegisterEntityUserKeyRequest) {
    this.gateway.answering();
    return Promise.resolve({ reply: this.gateway.assigner.register(request) });
  }

  reportCapabilities(_request: PnGatewayServiceReportCapabilitiesRequest, call: CallContext) {
    this.gateway.callers.push(call.requireEntity());
    return Promise.resolve({ recordedAt: BigInt(this.gateway.assigner.clock.now()) });
  }

  async joinServiceGroup({ groupId }: PnGatewayServiceJoinServiceGroupRequest, call: CallContext) {
    await this.channelOf(call).join(groupId);
    return { membershipRevision: 1n };
  }

  async leaveServiceGroup({ groupId }: PnGatewayServiceLeaveServiceGroupRequest, call: CallContext) {
    await this.channelOf(call).leave(groupId);
    return { membershipRevision: 1n };
  }

  async pullGroupKey({ groupId, version }: PnGatewayServicePullGroupKeyRequest, call: CallContext) {
    return { delivery: await this.channelOf(call).pull(groupId, version) };
  }

  async watchGroupKeys(_request: WatchGroupKeysRequest, call: ServerStreamContext<WatchGroupKeysResponse>) {
    for await (const message of await this.channelOf(call).watch(call.signal)) await call.write(message);
  }

  /** The groups of whoever calls, under the key that the Server has of it. */
  private channelOf(call: CallContext) {
    this.gateway.answering();
    const { entity } = call.requireEntity();
    const secret = this.gateway.assigner.keys.get(entity);
    if (secret === undefined) throw new CpnsError('KEY_UNKNOWN', 'no such key');
    this.gateway.groups.register({ entity, secret, keyId: deriveKeyId(secret) });
    return this.gateway.groups.channelOf(entity);
  }
}

const tlsOf = ({ chain, privateKey }: Pick<Credentials, 'chain' | 'privateKey'>, root: Buffer) => ({
  cert: dersToPem(chain),
  key: privateKeyPem(privateKey),
  ca: derToPem(root),
});

export class FakeGateway {
  /** Who called with a key, and how it showed that. */
  readonly callers: CallerEntity[] = [];
  /** What the CPNS Server and this gateway know of Service Groups. */
  readonly groups: FakeGroups;
  /** How many of the next exchanges find the Server away. */
  unavailable = 0;
  /** Replaces the verifier's clock, Unix milliseconds. */
  verifierTime: number | undefined;
  readonly #ports: readonly ServerPort[];

  private constructor(
    readonly assigner: FakeAssigner,
    logger: Logger,
  ) {
    const { root, authorities, clock } = assigner;
    this.groups = new FakeGroups({ credentials: authorities.server, clock });
    const gateway = implement(SERVED, new FakePnGateway(this));
    const { assignEntityUserKey } = EntityUserKeyServiceService;
    const server = implement(
      { assignEntityUserKey },
      {
        assignEntityUserKey: async ({ request, method }: EntityUserKeyServiceAssignEntityUserKeyRequest) => {
          this.answering();
          return { reply: await assigner.assign(request, method) };
        },
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
      const proof = parseProof(bytes);
      const secret = this.assigner.keys.get(proof.entity);
      if (secret === undefined || deriveKeyId(secret) !== proof.keyId)
        throw new CpnsError('KEY_UNKNOWN', 'no such key');
      const call = { audience: GATEWAY, method, requestDigest };
      verifyProof(deriveConfirmKey(secret), proof, call, this.verifierTime ?? this.assigner.clock.now());
      const user = this.assigner.users.get(proof.entity) ?? '';
      return Promise.resolve({ entity: proof.entity, user, keyId: keyIdBytes(proof.keyId) });
    };
  }

  private identify(): IdentifyPeer {
    const issuingCaDer = this.assigner.authorities.pki.issuingCa.chain[0]!;
    return peerIdentifier({ issuingCaDer, trustDomain: TRUST_DOMAIN, clock: this.assigner.clock });
  }
}
