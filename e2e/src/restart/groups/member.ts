import type { GroupKeyDelivery } from '@cpns/contracts';
import { parseOneTimeString } from '@cpns/key-derivation';
import type { Deployment } from '@cpns/testing';
import { join } from 'node:path';
import { LocalDevice } from '../../support/local-device';
import { PATIENCE_MS } from '../house';

export interface MemberOptions {
  readonly id: string;
  readonly pn: string;
  /** Name of its gateway. */
  readonly gateway: string;
  readonly onDelivery: (delivery: GroupKeyDelivery) => void;
}

/** A device in this process, which watches all the time. */
export class Member {
  readonly #over = new AbortController();
  readonly #watching: Promise<unknown>;

  private constructor(
    /** E */
    readonly entity: string,
    readonly gateway: string,
    private readonly local: LocalDevice,
  ) {
    // a watch that ends by itself is told when the device is closed
    this.#watching = this.groups.watch({ signal: this.#over.signal }).catch((error: unknown) => error);
  }

  static async provision(deployment: Deployment, { id, pn, gateway, onDelivery }: MemberOptions): Promise<Member> {
    const entity = deployment.entity(pn, 'pne', id);
    const { oneTimeString } = await deployment.admit({ entity, form: 'secret', assigner: 'server', gateway });
    const address = deployment.address(gateway, 'certificate');
    const directory = join(deployment.directory, 'members', id);
    const local = await LocalDevice.create(directory, address, { onGroupKeyDelivery: onDelivery });
    await local.device.assign(parseOneTimeString(oneTimeString), { waitMs: PATIENCE_MS });
    await local.device.register({ waitMs: PATIENCE_MS });
    return new Member(entity, gateway, local);
  }

  get groups() {
    return this.local.device.groups;
  }

  /** Asks its gateway for a version, past the SDK's rules. @param version 0 for the newest */
  async ask(groupId: string, version: bigint): Promise<void> {
    await this.local.device.call((rpc, how) => rpc.pullGroupKey({ groupId, version }, how));
  }

  /** @throws what its watch ended with, if it ended by itself */
  async close(): Promise<void> {
    this.#over.abort();
    const failure = await this.#watching;
    await this.local.close();
    if (failure !== undefined) throw new Error(`the watch of ${this.entity} ended`, { cause: failure });
  }
}
