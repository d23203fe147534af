import { KeyStorage, LinkSecurity } from '@cpns/contracts';
import type { GroupKey } from '@cpns/core';
import { parseOneTimeString } from '@cpns/key-derivation';
import { Device, SealedDeviceStates, type DeviceOptions, type DeviceState, type DeviceStates } from '@cpns/pne-sdk';
import { openRecords, FileMasterKey, openStore, type Store } from '@cpns/store';
import { createLogger } from '@cpns/telemetry';
import type { AdmitOptions, Deployment } from '@cpns/testing';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** What a device reports of itself, to show that it holds its key. */
export const CAPABILITIES = {
  linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
  keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
  softwareVersion: '1',
};

/** As the program of a device calls itself: what binds its sealed records. */
const SERVICE = 'pne';

export interface LocalDeviceOptions {
  readonly storeUrl: string;
  readonly masterKeyFile: string;
  /** `host:port` of its gateway's certificate port. */
  readonly certificateAddress: string;
  readonly onGroupKeyDelivery?: NonNullable<DeviceOptions['onGroupKeyDelivery']>;
}

type Hooks = Pick<LocalDeviceOptions, 'onGroupKeyDelivery'>;

/** A device in this process, and what it was handed. */
export interface AdmittedDevice {
  /** E */
  readonly entity: string;
  readonly tokenId: string;
  readonly oneTimeString: string;
  readonly local: LocalDevice;
}

/** Admits an entity, and makes it a device in this process that has no key yet. */
export async function admitLocally(
  deployment: Deployment,
  admission: AdmitOptions,
  hooks: Hooks = {},
): Promise<AdmittedDevice> {
  const { entity, gateway } = admission;
  const { tokenId, oneTimeString } = await deployment.admit(admission);
  const directory = join(deployment.directory, 'local-devices', entity.replace(/\W+/g, '-'));
  const local = await LocalDevice.create(directory, deployment.address(gateway, 'certificate'), hooks);
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
  ) {}

  static async open(options: LocalDeviceOptions): Promise<LocalDevice> {
    const { storeUrl, masterKeyFile, ...others } = options;
    const store = await openStore(storeUrl);
    const states = new SealedDeviceStates(await openRecords({ store, service: SERVICE, masterKeyFile }));
    const logger = createLogger({ service: SERVICE, level: 'silent' });
    return new LocalDevice(await Device.open({ states, logger, ...others }), states, store);
  }

  /** A new device in a directory that is not there yet. */
  static async create(directory: string, certificateAddress: string, options: Hooks = {}): Promise<LocalDevice> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const masterKeyFile = join(directory, 'master.key');
    await FileMasterKey.create(masterKeyFile);
    const storeUrl = `embedded:${join(directory, 'store')}`;
    return LocalDevice.open({ ...options, storeUrl, masterKeyFile, certificateAddress });
  }

  /** Gets its key by a one-time string, and registers it. @param waitMs for how long it tries again */
  async enrol(oneTimeString: string, waitMs = 0): Promise<this> {
    await this.device.assign(parseOneTimeString(oneTimeString), { waitMs });
    await this.device.register({ waitMs });
    return this;
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
