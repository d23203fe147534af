import { Device, SealedDeviceStates, type DeviceState, type DeviceStates } from '@cpns/pne-sdk';
import { openRecords } from '@cpns/records';
import { FileMasterKey } from '@cpns/sealing';
import { openStore, type Store } from '@cpns/store';
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
}

/** A device of the SDK in this process, on a store of its own or on that of a device program that has ended. */
export class LocalDevice {
  private constructor(
    readonly device: Device,
    private readonly states: DeviceStates,
    private readonly store: Store,
  ) {}

  static async open({ storeUrl, masterKeyFile, certificateAddress }: LocalDeviceOptions): Promise<LocalDevice> {
    const store = await openStore(storeUrl);
    const states = new SealedDeviceStates(await openRecords({ store, service: SERVICE, masterKeyFile }));
    const logger = createLogger({ service: SERVICE, level: 'silent' });
    return new LocalDevice(await Device.open({ states, logger, certificateAddress }), states, store);
  }

  /** A new device in a directory that is not there yet. */
  static async create(directory: string, certificateAddress: string): Promise<LocalDevice> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const masterKeyFile = join(directory, 'master.key');
    await FileMasterKey.create(masterKeyFile);
    return LocalDevice.open({ storeUrl: `embedded:${join(directory, 'store')}`, masterKeyFile, certificateAddress });
  }

  /** What it keeps, secrets included. */
  read(): Promise<DeviceState> {
    return this.states.read();
  }

  async close(): Promise<void> {
    this.device.close();
    await this.store.close();
  }
}
