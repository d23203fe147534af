import {
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  MembershipServiceService,
  PnGatewayServiceService,
  ServiceGroupNoticeServiceService,
  type GroupKeyDelivery,
  type PnGatewayServiceAssignEntityUserKeyRequest,
  type PnGatewayServiceJoinServiceGroupRequest,
  type PnGatewayServiceLeaveServiceGroupRequest,
  type PnGatewayServicePullGroupKeyRequest,
  type PnGatewayServiceRegisterEntityUserKeyRequest,
  type WatchGroupKeysRequest,
  type WatchGroupKeysResponse,
} from '@cpns/contracts';
import {
  connectTo,
  createServerPort,
  implement,
  type CallContext,
  type ClientMethods,
  type Connection,
  type Handlers,
  type ServerPort,
  type ServerStreamContext,
} from '@cpns/grpc';
import { keyIdBytes, parseProof } from '@cpns/key-derivation';
import { createLogger } from '@cpns/telemetry';
import type { Deployment, ServerSideService } from '@cpns/testing';
import type { TestGateway } from '@cpns/testing/bad-input';

const {
  assignEntityUserKey,
  registerEntityUserKey,
  joinServiceGroup,
  leaveServiceGroup,
  pullGroupKey,
  watchGroupKeys,
} = PnGatewayServiceService;

const SERVED = {
  assignEntityUserKey,
  registerEntityUserKey,
  joinServiceGroup,
  leaveServiceGroup,
  pullGroupKey,
  watchGroupKeys,
};

/** What a gateway answers a pull with, given a way to what it should answer; it may refuse it as well. */
export type Tamper = (honest: () => Promise<GroupKeyDelivery>) => GroupKeyDelivery | Promise<GroupKeyDelivery>;

type Watcher = ServerStreamContext<WatchGroupKeysResponse>;

const EMPTY = Buffer.alloc(0);

/** The services of the Server side, called with a gateway's identity. */
export class GatewayLinks {
  readonly #connections: readonly Connection[];
  readonly entityUserKeys: ClientMethods<typeof EntityUserKeyServiceService>;
  readonly deliveries: ClientMethods<typeof GroupKeyDeliveryServiceService>;
  readonly memberships: ClientMethods<typeof MembershipServiceService>;
  readonly notices: ClientMethods<typeof ServiceGroupNoticeServiceService>;
  /** For what a gateway has no business with. */
  readonly connection: Readonly<Record<ServerSideService, Connection>>;

  constructor(deployment: Deployment, { tls }: TestGateway) {
    const to = (name: ServerSideService) =>
      connectTo({ address: deployment.address(name, 'certificate'), expectedPeer: deployment.uri(name), tls });
    this.connection = { 'cpns-server': to('cpns-server'), smf: to('smf'), kmc: to('kmc') };
    this.#connections = Object.values(this.connection);
    const { 'cpns-server': server, smf } = this.connection;
    this.entityUserKeys = server.client(EntityUserKeyServiceService);
    this.deliveries = server.client(GroupKeyDeliveryServiceService);
    this.memberships = smf.client(MembershipServiceService);
    this.notices = smf.client(ServiceGroupNoticeServiceService);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

/** What devices call, with a TestGateway's identity: it relays as any gateway does, until a test has it do otherwise. */
export class ServedGateway implements Handlers<typeof SERVED> {
  /** By E of the device that pulls. */
  readonly tampers = new Map<string, Tamper>();
  readonly links: GatewayLinks;
  readonly #watchers = new Map<string, Watcher>();
  readonly #port: ServerPort;

  private constructor(deployment: Deployment, gateway: TestGateway) {
    const { root, cert, key } = gateway.tls;
    if (cert === undefined || key === undefined) throw new Error('a gateway has a certificate');
    this.links = new GatewayLinks(deployment, gateway);
    this.#port = createServerPort({
      clients: 'none',
      listen: '127.0.0.1:0',
      tls: { cert, key, ca: root },
      services: [implement(SERVED, this)],
      // whoever calls is believed: it is the devices that have to be careful here
      verifyProof: (bytes) => {
        const { entity, keyId } = parseProof(bytes);
        return Promise.resolve({ entity, user: '', keyId: keyIdBytes(keyId) });
      },
      logger: createLogger({ service: 'hostile-gateway', level: 'silent' }),
    });
  }

  static async start(deployment: Deployment, gateway: TestGateway): Promise<ServedGateway> {
    const served = new ServedGateway(deployment, gateway);
    await served.#port.start();
    return served;
  }

  /** `host:port` of its token port. */
  get address(): string {
    return this.#port.address;
  }

  /** What an honest gateway gives a member: the Server's statement as it is, and the member's own envelope. */
  async honest(groupId: string, entity: string, version = 0n): Promise<GroupKeyDelivery> {
    const { delivery } = await this.links.deliveries.pullGroupKey({ groupId, version, entity });
    const own = delivery?.envelopes.find((envelope) => envelope.entity === entity)?.own;
    return { statement: delivery?.statement, own: own ?? EMPTY, shared: EMPTY };
  }

  /** Gives a device that watches one delivery. @throws Error when it does not watch */
  async push(entity: string, delivery: GroupKeyDelivery): Promise<void> {
    const watcher = this.#watchers.get(entity);
    if (watcher === undefined) throw new Error(`${entity} does not watch`);
    await watcher.write({ delivery, traceparent: '' });
  }

  isWatchedBy(entity: string): boolean {
    return this.#watchers.has(entity);
  }

  assignEntityUserKey({ request }: PnGatewayServiceAssignEntityUserKeyRequest, { method }: CallContext) {
    return this.links.entityUserKeys.assignEntityUserKey({ request, method });
  }

  registerEntityUserKey({ request }: PnGatewayServiceRegisterEntityUserKeyRequest) {
    return this.links.entityUserKeys.registerEntityUserKey({ request });
  }

  joinServiceGroup({ groupId }: PnGatewayServiceJoinServiceGroupRequest, call: CallContext) {
    return this.links.memberships.joinServiceGroup({ groupId, entity: call.requireEntity().entity });
  }

  leaveServiceGroup({ groupId }: PnGatewayServiceLeaveServiceGroupRequest, call: CallContext) {
    return this.links.memberships.leaveServiceGroup({ groupId, entity: call.requireEntity().entity });
  }

  async pullGroupKey({ groupId, version }: PnGatewayServicePullGroupKeyRequest, call: CallContext) {
    const { entity } = call.requireEntity();
    const honest = () => this.honest(groupId, entity, version);
    const tamper = this.tampers.get(entity);
    return { delivery: await (tamper === undefined ? honest() : tamper(honest)) };
  }

  async watchGroupKeys(_request: WatchGroupKeysRequest, call: Watcher): Promise<void> {
    const { entity } = call.requireEntity();
    this.#watchers.set(entity, call);
    await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve(), { once: true }));
    this.#watchers.delete(entity);
  }

  async stop(): Promise<void> {
    await this.#port.stop(0);
    this.links.close();
  }
}
