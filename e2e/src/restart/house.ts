import { FaultControl, Deployment, lookIntoStore, retried, waitUntil, type GatewaySpec } from '@cpns/testing';
import type { KeyForm } from '@cpns/key-derivation';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CURRENT_SEED, PROVISIONING_AGGREGATE, SEED_REQUEST } from '../../../apps/pn-gw/src/provisioning/first-seeds';
import { GATEWAY_CA, NEXT_CA } from '../../../apps/pn-gw/src/provisioning/gateway-ca';
import { DEVICE, GATEWAY, SERVER } from './due';

export const PN = 'pn1';
/** The gateway that assigns and relays in every flow but its own enrolment. */
export const MAIN_GATEWAY = `${PN}/gw1`;

/** How long the parts of a flow wait for each other while one of them is being started again, milliseconds. */
export const PATIENCE_MS = 60_000;

const PROVISIONED = [CURRENT_SEED.name, GATEWAY_CA.name];
const ASKED_FOR = [SEED_REQUEST.name, NEXT_CA];

/** Repeats what a service that is down cannot answer. @throws what is no UNAVAILABLE, and that too after {@link PATIENCE_MS} */
export async function persistently<T>(call: () => Promise<T>): Promise<T> {
  return (await retried(call, { isPassing: ({ code }) => code === 'UNAVAILABLE', withinMs: PATIENCE_MS })).value;
}

type Look<T> = T | undefined | false;

/** The same until the answer is there. @throws Error after {@link PATIENCE_MS} */
export const eventually = <T>(what: string | (() => string), look: () => Look<T> | Promise<Look<T>>): Promise<T> =>
  waitUntil(what, () => persistently(async () => look()), { withinMs: PATIENCE_MS });

/** How many (E, user) a 1st seed has served: the gateway that assigned counts, and the Server that registered. */
export interface Counts {
  readonly served: number;
  readonly registered: number;
}

export interface HouseOptions {
  /** URL, where the Server side is on Redis. */
  readonly redis?: string | undefined;
  /** Of the Server side, besides the CPNS Server. */
  readonly services?: readonly ('kmc' | 'smf')[];
  /** Besides the main one. They take part in every flow, and in plans under their own names: they are not killed. */
  readonly gateways?: readonly GatewaySpec[];
}

/** One deployment whose processes can be made to die at a commit. */
export class House {
  /** `embedded` or `redis`. */
  readonly storeName: string;
  /** What the counts of a gateway's 1st seed must be by now, by its name. */
  readonly counts = new Map<string, Counts>();
  #names = 0;

  protected constructor(
    { redis }: HouseOptions,
    readonly deployment: Deployment,
    readonly faults: FaultControl,
  ) {
    this.storeName = redis === undefined ? 'embedded' : 'redis';
  }

  static async start(options: HouseOptions): Promise<House> {
    return new House(options, ...(await House.build(options)));
  }

  protected static async build({ redis, services = [], gateways = [] }: HouseOptions) {
    const faults = new FaultControl(mkdtempSync(join(tmpdir(), 'cpns-restart-')));
    const mortal = [SERVER, GATEWAY, DEVICE, ...services];
    const taking = [...mortal, ...gateways.map(({ pn, id }) => `${pn}/${id}`)];
    const wait = { CPNS_WAIT_FOR_SERVER: `${PATIENCE_MS / 1000}s` };
    const deployment = await Deployment.start({
      gateways: [{ pn: PN, id: 'gw1' }, ...gateways],
      services,
      store: redis === undefined ? 'embedded' : { redis },
      env: Object.fromEntries(taking.map((name) => [name, { ...faults.env(name), ...(name === DEVICE ? wait : {}) }])),
      nodeOptions: Object.fromEntries(mortal.map((name) => [name, faults.nodeOptions])),
    });
    await provisioned(deployment, MAIN_GATEWAY);
    return [deployment, faults] as const;
  }

  /** Those that a flow may leave dead, the gateways of a flow's own aside. */
  get processes(): readonly string[] {
    return this.deployment.services.filter((name) => !name.includes('/') || name === MAIN_GATEWAY);
  }

  /** Starts a service again, and waits for what goes on. @param victim as plans call it */
  readonly finish = async (victim: string, first: Promise<void>): Promise<void> => {
    await this.deployment.restart(victim === GATEWAY ? MAIN_GATEWAY : victim);
    await first;
  };

  /** An id that no entity has yet. */
  newId(prefix: string): string {
    return `${prefix}-${++this.#names}`;
  }

  /** How a new device of the main network is admitted. */
  newDevice(form: KeyForm, assigner: string, gateway = MAIN_GATEWAY) {
    return { entity: this.deployment.entity(PN, 'pne', this.newId('pne')), form, assigner, gateway };
  }

  /** A key that this gateway assigned as a secret was registered. @param gateway its name */
  countRegistered(gateway: string): void {
    const { served, registered } = this.counts.get(gateway) ?? NONE;
    this.counts.set(gateway, { served: served + 1, registered: registered + 1 });
  }

  async stop(): Promise<void> {
    await this.deployment.stop();
    rmSync(this.faults.directory, { recursive: true, force: true });
  }
}

export const NONE: Counts = { served: 0, registered: 0 };

/** Resolves when a gateway has its 1st seed and its CA certificate, and asks for nothing. @param gateway its name */
export const provisioned = (deployment: Deployment, gateway: string): Promise<true> =>
  eventually(`the provisioning of ${gateway}`, async () => {
    const found = await lookIntoStore(deployment.storeUrl(gateway), (store) =>
      store.read(PROVISIONING_AGGREGATE, [...PROVISIONED, ...ASKED_FOR]),
    );
    return PROVISIONED.every((name) => found.has(name)) && !ASKED_FOR.some((name) => found.has(name));
  });
