import { FaultControl, Deployment, lookIntoStore, retried, waitUntil, type GatewaySpec } from '@cpns/testing';
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

/** The same until the answer is there. @throws Error after {@link PATIENCE_MS} */
export function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  return waitUntil(what, () => persistently(look), { withinMs: PATIENCE_MS });
}

/** How many (E, user) a 1st seed has served: the gateway that assigned counts, and the Server that registered. */
export interface Counts {
  readonly served: number;
  readonly registered: number;
}

export interface HouseOptions {
  /** Of the Server side, besides the CPNS Server. */
  readonly services?: readonly ('kmc' | 'smf')[];
  /** Besides the main one. They take part in every flow, and in plans under their own names: they are not killed. */
  readonly gateways?: readonly GatewaySpec[];
}

/** One deployment whose processes can be made to die at a commit. */
export class House {
  #names = 0;
  readonly #counts = new Map<string, Counts>();

  private constructor(
    /** `embedded` or `redis`. */
    readonly storeName: string,
    readonly deployment: Deployment,
    readonly faults: FaultControl,
  ) {}

  /** @param redis URL, where the Server side is on Redis */
  static async start(redis?: string, { services = [], gateways = [] }: HouseOptions = {}): Promise<House> {
    const faults = new FaultControl(mkdtempSync(join(tmpdir(), 'cpns-restart-')));
    const { nodeOptions } = faults;
    const mortal = (name: string) => [name, faults.env(name)] as const;
    const deployment = await Deployment.start({
      gateways: [{ pn: PN, id: 'gw1' }, ...gateways],
      services,
      store: redis === undefined ? 'embedded' : { redis },
      env: {
        ...Object.fromEntries([SERVER, GATEWAY, ...services].map(mortal)),
        [DEVICE]: { ...faults.env(DEVICE), CPNS_WAIT_FOR_SERVER: `${PATIENCE_MS / 1000}s` },
        ...Object.fromEntries(gateways.map(({ pn, id }) => mortal(`${pn}/${id}`))),
      },
      nodeOptions: Object.fromEntries([SERVER, GATEWAY, DEVICE, ...services].map((name) => [name, nodeOptions])),
    });
    const house = new House(redis === undefined ? 'embedded' : 'redis', deployment, faults);
    await house.provisioned(MAIN_GATEWAY);
    return house;
  }

  /** Those that a flow may leave dead, the gateways of a flow's own aside. */
  get processes(): readonly string[] {
    return this.deployment.services.filter((name) => !name.includes('/') || name === MAIN_GATEWAY);
  }

  /** Starts who died again. @param victim as plans call it */
  revive(victim: string): Promise<void> {
    return this.deployment.restart(victim === GATEWAY ? MAIN_GATEWAY : victim);
  }

  /** Resolves when a gateway has its 1st seed and its CA certificate, and asks for nothing. @param gateway its name */
  provisioned(gateway: string): Promise<true> {
    return eventually(`the provisioning of ${gateway}`, async () => {
      const found = await lookIntoStore(this.deployment.storeUrl(gateway), (store) =>
        store.read(PROVISIONING_AGGREGATE, [...PROVISIONED, ...ASKED_FOR]),
      );
      const isDone = PROVISIONED.every((name) => found.has(name)) && !ASKED_FOR.some((name) => found.has(name));
      return isDone ? true : undefined;
    });
  }

  /** An id that no entity has yet. */
  newId(prefix: string): string {
    return `${prefix}-${++this.#names}`;
  }

  /** What the counts of a gateway's 1st seed must be by now. @param gateway its name */
  countsOf(gateway: string): Counts {
    return this.#counts.get(gateway) ?? { served: 0, registered: 0 };
  }

  /** A key that this gateway assigned as a secret was registered. */
  countRegistered(gateway: string): void {
    const { served, registered } = this.countsOf(gateway);
    this.recount(gateway, { served: served + 1, registered: registered + 1 });
  }

  /** After a failure: what comes next is measured from here. */
  recount(gateway: string, counts: Counts): void {
    this.#counts.set(gateway, counts);
  }

  async stop(): Promise<void> {
    await this.deployment.stop();
    rmSync(this.faults.directory, { recursive: true, force: true });
  }
}
