import { PnGatewayServiceService, type AssignmentReply, type AssignmentRequest } from '@cpns/contracts';
import { OUTBOX } from '@cpns/delivery';
import { CpnsError } from '@cpns/core';
import { Deployment, type DeploymentOptions, type Operator, type PortName } from '@cpns/testing';
import {
  CastWorld,
  castOf,
  TestGateway,
  tokenOf,
  type AdmitWish,
  type Cast,
  type Port,
  type Token,
} from '@cpns/testing/bad-input';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreWatch, type StoreState } from '../support/store-states';

const PORTS: Readonly<Record<Port, { readonly service: string; readonly port: PortName }>> = {
  'gateway token': { service: 'pn1/gw1', port: 'token' },
  'gateway certificate': { service: 'pn1/gw1', port: 'certificate' },
  'Server token': { service: 'cpns-server', port: 'token' },
  'Server certificate': { service: 'cpns-server', port: 'certificate' },
  'SMF certificate': { service: 'smf', port: 'certificate' },
  'KMC certificate': { service: 'kmc', port: 'certificate' },
};

const DELIVERED_MS = 20_000;
const POLL_MS = 10;

/** One deployment, two gateways whose keys the suite holds, callers of every kind, and a look into every store. */
export class World extends CastWorld {
  readonly #made = new Map<string, Promise<unknown>>();
  readonly #endings: (() => unknown)[] = [];

  private constructor(
    readonly deployment: Deployment,
    readonly stores: StoreWatch,
    cast: Cast,
  ) {
    super(cast);
  }

  static async start(options: DeploymentOptions): Promise<World> {
    const deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'gw1' }], ...options });
    try {
      const urls = Object.fromEntries(deployment.services.map((name) => [name, deployment.storeUrl(name)]));
      const { trustDomain, pki } = deployment;
      const cast = await castOf(trustDomain, pki, (pn, id) => TestGateway.enrol(deployment, pn, id));
      return new World(deployment, new StoreWatch(urls), cast);
    } catch (error) {
      await deployment.stop();
      throw error;
    }
  }

  get gatewayUri(): string {
    return this.deployment.uri('pn1/gw1');
  }

  get operator(): Operator {
    return this.deployment.operator;
  }

  address(port: Port): string {
    return this.deployment.address(PORTS[port].service, PORTS[port].port);
  }

  now(): number {
    return Date.now();
  }

  pass(milliseconds: number): Promise<void> {
    return sleep(milliseconds);
  }

  /** Admits a target entity, which is told to call the running gateway. */
  async admit({ form, assigner, entity = this.entity(), user = '', lifetime }: AdmitWish): Promise<Token> {
    const by = { server: {}, gateway: { assigner: this.gatewayUri }, probe: { assigner: this.probe.uri } }[assigner];
    const { oneTimeString } = await this.operator.admit({
      entity,
      user,
      form,
      peer: { uri: this.gatewayUri, address: this.address('gateway token') },
      // the suite's own gateway opens no delivery channel: it knows the token as its holder does
      waitUntilDelivered: assigner === 'gateway',
      ...by,
      ...(lifetime && { lifetime }),
    });
    return tokenOf(oneTimeString);
  }

  async admitGateway(lifetime?: number, entity = this.gatewayEntity()): Promise<Token> {
    const peer = { uri: this.serverUri, address: this.address('Server token') };
    const wanted = { entity, role: 'pn-gw', form: 'key-pair', peer, dnsNames: ['localhost'] } as const;
    return tokenOf((await this.operator.admit({ ...wanted, ...(lifetime && { lifetime }) })).oneTimeString);
  }

  async delivered(): Promise<void> {
    const until = Date.now() + DELIVERED_MS;
    for (;;) {
      const found = await this.operator.enrolment.getGateway({ entity: this.gatewayUri });
      if (found.gateway?.undelivered === 0n) return;
      if (Date.now() > until) throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the gateway takes in nothing');
      await sleep(POLL_MS);
    }
  }

  async ask(request: AssignmentRequest): Promise<AssignmentReply | undefined> {
    return (await this.wire('gateway token').call(PnGatewayServiceService.assignEntityUserKey, { request })).reply;
  }

  /** What several rows share: made for the first that asks. */
  once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#made.get(name);
    if (known !== undefined) return known as Promise<T>;
    const made = make();
    this.#made.set(name, made);
    // what could not be made is the failure of each row that asked meanwhile, and tried again by the next
    made.catch(() => this.#made.delete(name));
    return made;
  }

  /** Done when the world stops, the last one first. */
  onStop(ending: () => unknown): void {
    this.#endings.unshift(ending);
  }

  /** Resolves when no service has anything left to carry on by itself, and every running gateway was told all. */
  async rest(): Promise<StoreState> {
    const gateways = this.deployment.services.filter((name) => name.includes('/'));
    const told = new Set(gateways.map((name) => `gateway/${this.deployment.uri(name)}`));
    return this.stores.settled(({ dumps }) =>
      Object.values(dumps).every((stored) =>
        Object.entries(stored).every(([aggregate, { logs }]) =>
          Object.entries(logs).every(
            ([log, { entries }]) => entries.length === 0 || (log !== OUTBOX && !told.has(aggregate)),
          ),
        ),
      ),
    );
  }

  async stop(): Promise<void> {
    for (const ending of this.#endings) await ending();
    this.closeWires();
    await this.deployment.stop();
  }
}
