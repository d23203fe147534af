import {
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  MembershipServiceService,
  PnGatewayServiceService,
  type GroupKeyDelivery,
  type WatchGroupKeysResponse,
} from '@cpns/contracts';
import { createServerPort, implement, type Handlers, type ServerPort, type ServerStreamContext } from '@cpns/grpc';
import { keyIdBytes, parseProof } from '@cpns/key-derivation';
import { createLogger } from '@cpns/telemetry';
import { LightGateway, type Deployment } from '@cpns/testing';
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

const EMPTY = Buffer.alloc(0);

export type GatewayLinks = ReturnType<typeof linksOf>;

/** The services of the Server side, called with a gateway's identity. */
export function linksOf(deployment: Deployment, { uri, tls }: Pick<TestGateway, 'uri' | 'tls'>) {
  const gateway = new LightGateway(deployment, uri, tls);
  const [server, smf, kmc] = [gateway.connect('cpns-server'), gateway.connect('smf'), gateway.connect('kmc')];
  return {
    gateway,
    /** For what a gateway has no business with. */
    connection: { server, smf, kmc },
    entityUserKeys: server.client(EntityUserKeyServiceService),
    deliveries: server.client(GroupKeyDeliveryServiceService),
    memberships: smf.client(MembershipServiceService),
  };
}

/** What devices call, with a TestGateway's identity: it relays as any gateway does, until a test has it do otherwise. */
export class ServedGateway {
  /** By E of the device that pulls. */
  readonly tampers = new Map<string, Tamper>();
  readonly links: GatewayLinks;
  readonly #watchers = new Map<string, ServerStreamContext<WatchGroupKeysResponse>>();
  readonly #port: ServerPort;

  private constructor(deployment: Deployment, gateway: TestGateway) {
    const { root, cert, key } = gateway.tls;
    if (cert === undefined || key === undefined) throw new Error('a gateway has a certificate');
    this.links = linksOf(deployment, gateway);
    this.#port = createServerPort({
      clients: 'none',
      listen: '127.0.0.1:0',
      tls: { cert, key, ca: root },
      services: [implement(SERVED, this.#handlers())],
      // every caller is believed: it is the devices that have to be careful here
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

  async stop(): Promise<void> {
    await this.#port.stop(0);
    this.links.gateway.close();
  }

  #handlers(): Handlers<typeof SERVED> {
    const { entityUserKeys, memberships } = this.links;
    return {
      assignEntityUserKey: ({ request }, { method }) => entityUserKeys.assignEntityUserKey({ request, method }),
      registerEntityUserKey: ({ request }) => entityUserKeys.registerEntityUserKey({ request }),
      joinServiceGroup: ({ groupId }, call) =>
        memberships.joinServiceGroup({ groupId, entity: call.requireEntity().entity }),
      leaveServiceGroup: ({ groupId }, call) =>
        memberships.leaveServiceGroup({ groupId, entity: call.requireEntity().entity }),
      pullGroupKey: async ({ groupId, version }, call) => {
        const { entity } = call.requireEntity();
        const honest = () => this.honest(groupId, entity, version);
        const tamper = this.tampers.get(entity);
        return { delivery: await (tamper === undefined ? honest() : tamper(honest)) };
      },
      watchGroupKeys: async (_request, call) => {
        const { entity } = call.requireEntity();
        this.#watchers.set(entity, call);
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve(), { once: true }));
        this.#watchers.delete(entity);
      },
    };
  }
}
