import { forEach, type CpnsError } from '@cpns/core';
import { parseOneTimeString } from '@cpns/key-derivation';
import { admitLocally, Deployment, retried, waitUntil, type AdmittedDevice } from '@cpns/testing';
import type { FailoverRedis } from './failover-redis';

export const GATEWAY = 'pn1/gw1';
export const WAIT_MS = 30_000;
/** What a live key gets that asks for a Group Key of no group. */
export const LET_IN = 'NOT_FOUND';
const AT_ONCE = 8;
/** A service may not have noticed yet that its store has moved. */
const PASSING = { isPassing: ({ code }: CpnsError) => code === 'UNAVAILABLE', withinMs: WAIT_MS };

/** A deployment with one gateway, and devices that were admitted for keys of this gateway. */
export class World {
  deployment!: Deployment;
  readonly #devices: AdmittedDevice[] = [];

  async start(redis?: FailoverRedis): Promise<this> {
    const gateways = [{ pn: 'pn1', id: 'gw1' }];
    this.deployment = await Deployment.start({ gateways, ...(redis && { store: { redis: redis.url } }) });
    return this;
  }

  async stop(): Promise<void> {
    for (const { local } of this.#devices) await local.close();
    await this.deployment?.stop();
  }

  /** Each with an admission that the gateway has, or is to get. */
  async admitted(count: number, { waitUntilDelivered = true } = {}): Promise<readonly AdmittedDevice[]> {
    const first = this.#devices.length;
    const admit = async (n: number) => {
      const entity = this.deployment.entity('pn1', 'pne', `e${n}`);
      const by = { form: 'secret', assigner: GATEWAY, gateway: GATEWAY, waitUntilDelivered } as const;
      this.#devices[n] = await admitLocally(this.deployment, { entity, ...by });
    };
    await forEach(
      Array.from({ length: count }, (_, n) => first + n),
      admit,
      AT_ONCE,
    );
    return this.#devices.slice(first);
  }

  /** Each with a live key of the gateway. */
  async live(count: number): Promise<readonly AdmittedDevice[]> {
    const devices = await this.admitted(count);
    await forEach(devices, ({ local, oneTimeString }) => local.enrol(oneTimeString, WAIT_MS), AT_ONCE);
    return devices;
  }

  async revokeAdmissions(devices: readonly AdmittedDevice[]): Promise<void> {
    for (const { entity, tokenId } of devices)
      await retried(() => this.deployment.operator.revokeAdmission(entity, tokenId), PASSING);
  }

  async revokeKeys(devices: readonly AdmittedDevice[]): Promise<void> {
    for (const { entity } of devices) await retried(() => this.deployment.operator.revokeKey(entity), PASSING);
  }

  /** All that was said before has reached the gateway: its log is in order. */
  async told(): Promise<void> {
    const [last] = await this.live(1);
    await this.deployment.operator.revokeKey(last!.entity);
    await waitUntil('the last entry', async () => (await pulling(last!)) !== LET_IN, { withinMs: 30_000 });
  }
}

export const reasonOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'accepted',
    (error: unknown) => (error as { reason?: string }).reason ?? String(error),
  );
export const serving = (deployment: Deployment, service: string): Promise<boolean> =>
  deployment.health(service).then(
    (status) => status === 'SERVING',
    () => false,
  );
export const pulling = ({ local }: AdmittedDevice) => reasonOf(local.ask('no-such-group', 0n));
export const assigning = ({ local, oneTimeString }: AdmittedDevice) =>
  reasonOf(local.device.assign(parseOneTimeString(oneTimeString)));
