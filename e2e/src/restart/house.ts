import { FaultControl } from '@cpns/faults';
import { Deployment } from '@cpns/testbed';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CpnsError } from '@cpns/core';
import { DEVICE, GATEWAY, SERVER } from './due';

export const PN = 'pn1';
/** The gateway that assigns and relays in every flow but its own enrolment. */
export const MAIN_GATEWAY = `${PN}/gw1`;

/** How long the parts of a flow wait for each other while one of them is being started again, milliseconds. */
export const PATIENCE_MS = 30_000;
const POLL_MS = 25;

/** Repeats what a service that is down cannot answer. @throws what is no UNAVAILABLE, and that too after 30 s */
export async function persistently<T>(call: () => Promise<T>): Promise<T> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof CpnsError) || error.code !== 'UNAVAILABLE' || Date.now() > until) throw error;
      await sleep(POLL_MS);
    }
  }
}

/** Asks again until the answer is there. @throws Error after 30 s */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await persistently(look);
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error(`${what} did not come true within ${PATIENCE_MS} ms`);
    await sleep(POLL_MS);
  }
}

/** One deployment whose processes can be made to die at a commit. */
export class House {
  #names = 0;
  /** How many (E, user) each gateway's 1st seed has registered. */
  readonly registered = new Map<string, number>();

  private constructor(
    /** `embedded` or `redis`. */
    readonly storeName: string,
    readonly deployment: Deployment,
    readonly faults: FaultControl,
  ) {}

  /** @param redis URL, where the Server side is on Redis */
  static async start(redis?: string): Promise<House> {
    const faults = new FaultControl(mkdtempSync(join(tmpdir(), 'cpns-restart-')));
    const { nodeOptions } = faults;
    const deployment = await Deployment.start({
      gateways: [{ pn: PN, id: 'gw1' }],
      services: [],
      store: redis === undefined ? 'embedded' : { redis },
      env: {
        [SERVER]: faults.env(SERVER),
        [GATEWAY]: faults.env(GATEWAY),
        [DEVICE]: { ...faults.env(DEVICE), CPNS_WAIT_FOR_SERVER: `${PATIENCE_MS / 1000}s` },
      },
      nodeOptions: { [SERVER]: nodeOptions, [GATEWAY]: nodeOptions, [DEVICE]: nodeOptions },
    });
    const house = new House(redis === undefined ? 'embedded' : 'redis', deployment, faults);
    await house.provisioned(MAIN_GATEWAY);
    return house;
  }

  /** Resolves when the Server has given a gateway a 1st seed and a CA certificate. @param gateway its name */
  provisioned(gateway: string): Promise<true> {
    const { operator } = this.deployment;
    const entity = this.deployment.uri(gateway);
    return eventually(`the provisioning of ${gateway}`, async () => {
      const found = (await operator.enrolment.getGateway({ entity })).gateway;
      return (found?.firstSeeds.length ?? 0) > 0 && (found?.cas.length ?? 0) > 0 ? true : undefined;
    });
  }

  /** An id that no entity has yet. */
  newId(prefix: string): string {
    return `${prefix}-${++this.#names}`;
  }

  /** A key that this gateway assigned as a secret was registered. */
  countRegistered(gateway: string): void {
    this.registered.set(gateway, (this.registered.get(gateway) ?? 0) + 1);
  }

  async stop(): Promise<void> {
    await this.deployment.stop();
    rmSync(this.faults.directory, { recursive: true, force: true });
  }
}
