import { KeyStorage, LinkSecurity, type GroupKeyDelivery } from '@cpns/contracts';
import type { GroupKey } from '@cpns/core';
import { parseOneTimeString } from '@cpns/key-derivation';
import { Device, SealedDeviceStates, type DeviceState, type DeviceStates } from '@cpns/pne-sdk';
import { openRecords, FileMasterKey, openStore, type Store } from '@cpns/store';
import { createLogger } from '@cpns/telemetry';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Deployment } from './deployment';
import type { AdmitOptions } from './deployment-options';

/** What a device reports of itself, to show that it holds its key. */
export const CAPABILITIES = {
  linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
  keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
  softwareVersion: '1',
};

/** As the program of a device calls itself: what binds its sealed records. */
const SERVICE = 'pne';

/** A device in this process, with E, and what it was handed. */
export type AdmittedDevice = Awaited<ReturnType<typeof admitLocally>>;

/** Admits an entity, and makes it a device in this process that has no key yet. */
export async function admitLocally(deployment: Deployment, admission: AdmitOptions) {
  const { entity, gateway } = admission;
  const { tokenId, oneTimeString } = await deployment.admit(admission);
  const directory = join(deployment.directory, 'local-devices', entity.replace(/\W+/g, '-'));
  const local = await LocalDevice.create(directory, deployment.address(gateway, 'certificate'));
  return { entity, tokenId, oneTimeString, local };
}

/** A device of the SDK in this process, on a store of its own or on that of a device program that has ended. */
export class LocalDevice {
  #over: AbortController | undefined;
  #watching: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly device: Device,
    private readonly states: DeviceStates,
    readonly store: Store,
    /** Every Group Key delivery that it was given, by pull and by push, whether or not it was believed. */
    readonly deliveries: readonly GroupKeyDelivery[],
  ) {}

  /** @param certificateAddress `host:port` of its gateway's certificate port */
  static async open(storeUrl: string, masterKeyFile: string, certificateAddress: string): Promise<LocalDevice> {
    const store = await openStore(storeUrl);
    const states = new SealedDeviceStates(await openRecords({ store, service: SERVICE, masterKeyFile }));
    return LocalDevice.#on(store, states, certificateAddress);
  }

  static async #on(store: Store, states: DeviceStates, certificateAddress: string): Promise<LocalDevice> {
    const logger = createLogger({ service: SERVICE, level: 'silent' });
    const deliveries: GroupKeyDelivery[] = [];
    const onGroupKeyDelivery = (delivery: GroupKeyDelivery) => deliveries.push(delivery);
    const device = await Device.open({ states, logger, onGroupKeyDelivery, certificateAddress });
    return new LocalDevice(device, states, store, deliveries);
  }

  /** A new device in a directory that is not there yet. */
  static async create(directory: string, certificateAddress: string): Promise<LocalDevice> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const masterKeyFile = join(directory, 'master.key');
    await FileMasterKey.create(masterKeyFile);
    return LocalDevice.open(`embedded:${join(directory, 'store')}`, masterKeyFile, certificateAddress);
  }

  /** Gets its key by a one-time string, and registers it. @param waitMs for how long it tries again */
  async enrol(oneTimeString: string, waitMs = 0): Promise<this> {
    await this.device.assign(parseOneTimeString(oneTimeString), { waitMs });
    await this.device.register({ waitMs });
    return this;
  }

  /**
   * Has the same device call another gateway of its Personal Network.
   * @param gateway name of one of the deployment
   * @returns the device as it is then; the one before is not used any more
   */
  async moveTo(deployment: Deployment, gateway: string): Promise<LocalDevice> {
    this.device.close();
    const state = await this.read();
    if (state.live === undefined) throw new Error('the device has no live key');
    const there = { gateway: deployment.uri(gateway), endpoint: deployment.address(gateway, 'token') };
    await this.states.replace(state, { live: { ...state.live, ...there } });
    return LocalDevice.#on(this.store, this.states, deployment.address(gateway, 'certificate'));
  }

  get groups() {
    return this.device.groups;
  }

  /** Watches for pushes until it is closed, which says what the watch ended with if it ended by itself. */
  watch(): this {
    this.#over = new AbortController();
    this.#watching = this.groups.watch({ signal: this.#over.signal }).catch((error: unknown) => error);
    return this;
  }

  /** Asks its gateway for a version, past the SDK's rules. @param version 0 for the newest */
  async ask(groupId: string, version: bigint): Promise<void> {
    await this.device.call((rpc, how) => rpc.pullGroupKey({ groupId, version }, how));
  }

  /** Its live key. @throws Error when it has none */
  async liveKey() {
    const { live } = await this.read();
    if (live === undefined) throw new Error('the device has no live key');
    return live;
  }

  /** What it keeps, secrets included. */
  read(): Promise<DeviceState> {
    return this.states.read();
  }

  /** The Group Keys that it keeps of a group. */
  async groupKeys(groupId: string): Promise<readonly GroupKey[]> {
    const versions = (await this.states.groups.read(groupId))?.keyring.versions ?? [];
    return versions.flatMap(({ groupKey }) => (groupKey === undefined ? [] : [groupKey]));
  }

  /** @throws Error with what its watch ended with, if it ended by itself */
  async close(): Promise<void> {
    this.#over?.abort();
    const failure = await this.#watching;
    this.device.close();
    await this.store.close();
    if (failure !== undefined) throw new Error('the watch of a device ended', { cause: failure });
  }
}
