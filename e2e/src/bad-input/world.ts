import { PnGatewayServiceService, type AssignmentReply, type AssignmentRequest } from '@cpns/contracts';
import { OUTBOX } from '@cpns/delivery';
import { Deployment, waitUntil, type DeploymentOptions, type Operator, type PortName } from '@cpns/testing';
import { castOf, OperatedWorld, TestGateway, type Cast, type Port } from '@cpns/testing/bad-input';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreWatch, type StoreState } from '../support/store-states';

const GATEWAY = 'pn1/gw1';
const SERVICES: Readonly<Record<string, string>> = { gateway: GATEWAY, Server: 'cpns-server', SMF: 'smf', KMC: 'kmc' };

/** One deployment, two gateways whose keys the suite holds, callers of every kind, and a look into every store. */
export class World extends OperatedWorld {
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
    return this.deployment.uri(GATEWAY);
  }

  get operator(): Operator {
    return this.deployment.operator;
  }

  address(port: Port): string {
    const [service = '', name] = port.split(' ');
    return this.deployment.address(SERVICES[service]!, name as PortName);
  }

  now(): number {
    return Date.now();
  }

  pass(milliseconds: number): Promise<void> {
    return sleep(milliseconds);
  }

  /** The running gateway. */
  protected get peer() {
    return { uri: this.gatewayUri, address: this.address('gateway token') };
  }

  async delivered(): Promise<void> {
    const { enrolment } = this.operator;
    const isDone = async () => (await enrolment.getGateway({ entity: this.gatewayUri })).gateway?.undelivered === 0n;
    await waitUntil('what the gateway was sent', isDone, { withinMs: 20_000, everyMs: 10 });
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
    const logsOf = (dumps: StoreState['dumps']) =>
      Object.values(dumps)
        .flatMap((stored) => Object.entries(stored))
        .flatMap(([aggregate, { logs }]) => Object.entries(logs).map((log) => [aggregate, ...log] as const));
    return this.stores.settled(({ dumps }) =>
      logsOf(dumps).every(
        ([aggregate, name, { entries }]) => entries.length === 0 || (name !== OUTBOX && !told.has(aggregate)),
      ),
    );
  }

  async stop(): Promise<void> {
    for (const ending of this.#endings) await ending();
    this.closeWires();
    await this.deployment.stop();
  }
}
