import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { forProcess, type AdmitOptions, type DeviceOptions, type ProcessOptions } from './deployment-options';
import { Device } from './device';
import { writePrivate } from './pki-files';
import { storeSettings } from './service-specs';

/** A gateway as its devices call it. */
interface CalledGateway {
  /** E */
  readonly uri: string;
  /** `host:port` of each of its ports. */
  readonly token: string;
  readonly certificate: string;
}

export interface WorkshopOptions extends ProcessOptions {
  /** For the stores, files and logs of its devices. */
  readonly directory: string;
  /** File of the root certificate. */
  readonly root: string;
  /** By name or E. */
  readonly gateway: (gateway: string) => CalledGateway;
  readonly admit: (options: AdmitOptions) => Promise<{ readonly oneTimeString: string }>;
  /** Variables of every device's process. */
  readonly common: Readonly<Record<string, string>>;
}

/** Where devices are made: each with files and a store of its own, and whatever leads it to its key. */
export class DeviceWorkshop {
  readonly devices: Device[] = [];
  #prepared = 0;

  constructor(private readonly options: WorkshopOptions) {}

  /** Admits a device where that is needed, and prepares its files; no process is started. */
  async prepare(options: DeviceOptions): Promise<Device> {
    const { entity } = options;
    const gateway = this.options.gateway(options.gateway);
    const directory = join(this.options.directory, String(this.#prepared++));
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { env, nodeOptions } = forProcess(this.options, 'pne', entity);
    const device = new Device({
      entity,
      directory,
      env: {
        ...this.options.common,
        ...(await this.#secretOf(options, directory, gateway)),
        ...storeSettings(directory),
        CPNS_GATEWAY_CERTIFICATE_ADDRESS: gateway.certificate,
        ...env,
        ...options.env,
      },
      nodeOptions,
    });
    this.devices.push(device);
    return device;
  }

  /** Ends the processes of all. */
  async stop(): Promise<void> {
    await Promise.all(this.devices.map((device) => device.stop()));
  }

  /** The variables of the device's process that lead it to its key: a one-time string, or what it was made with (Q2). */
  async #secretOf(options: DeviceOptions, directory: string, gateway: CalledGateway): Promise<Record<string, string>> {
    const { root, admit } = this.options;
    if (!('preSharedKey' in options)) {
      const { oneTimeString } = 'oneTimeString' in options ? options : await admit(options);
      return { CPNS_ONE_TIME_STRING_FILE: writePrivate(join(directory, 'one-time-string'), oneTimeString) };
    }
    const { entity, user, preSharedKey } = options;
    return {
      CPNS_PRE_SHARED_KEY_FILE: writePrivate(join(directory, 'pre-shared.key'), preSharedKey.toString('hex')),
      CPNS_ENTITY: entity,
      CPNS_GATEWAY: gateway.uri,
      CPNS_GATEWAY_ADDRESS: gateway.token,
      CPNS_ROOT_FILE: root,
      ...(user === undefined ? {} : { CPNS_USER: user }),
    };
  }
}
