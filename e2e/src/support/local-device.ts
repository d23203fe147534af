import type { GroupKey } from '@cpns/core';
import { Device, SealedDeviceStates, type DeviceOptions, type DeviceState, type DeviceStates } from '@cpns/pne-sdk';
import { openRecords, FileMasterKey, openStore, type Store } from '@cpns/store';
import { createLogger } from '@cpns/telemetry';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** As the program of a device calls itself: what binds its sealed records. */
const SERVICE = 'pne';

export interface LocalDeviceOptions {
  readonly storeUrl: string;
  readonly masterKeyFile: string;
  /** `host:port` of its gateway's certificate port. */
  readonly certificateAddress: string;
  readonly onGroupKeyDelivery?: DeviceOptions['onGroupKeyDelivery'];
}

/** A device of the SDK in this process, on a store of its own or on that of a device program that has ended. */
export class LocalDevice {
  private constructor(
    readonly device: Device,
    private readonly states: DeviceStates,
    readonly store: Store,
  ) {}

  static async open(options: LocalDeviceOptions): Promise<LocalDevice> {
    const { storeUrl, masterKeyFile, certificateAddress, onGroupKeyDelivery } = options;
    const store = await openStore(storeUrl);
    const states = new SealedDeviceStates(await openRecords({ store, service: SERVICE, masterKeyFile }));
    const logger = createLogger({ service: SERVICE, level: 'silent' });
    const device = await Device.open({
      states,
      logger,
      certificateAddress,
      ...(onGroupKeyDelivery && { onGroupKeyDelivery }),
    });
    return new LocalDevice(device, states, store);
  }

  /** A new device in a directory that is not there yet. */
  static async create(
    directory: string,
    certificateAddress: string,
    options: Pick<LocalDeviceOptions, 'onGroupKeyDelivery'> = {},
  ): Promise<LocalDevice> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const masterKeyFile = join(directory, 'master.key');
    await FileMasterKey.create(masterKeyFile);
    const storeUrl = `embedded:${join(directory, 'store')}`;
    return LocalDevice.open({ ...options, storeUrl, masterKeyFile, certificateAddress });
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

  async close(): Promise<void> {
    this.device.close();
    await this.store.close();
  }
}
