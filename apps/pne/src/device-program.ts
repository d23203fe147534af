import { KeyStorage } from '@cpns/contracts';
import { invalidArgument } from '@cpns/core';
import { Device, SealedDeviceStates, type DeviceStatus, type GroupStatus } from '@cpns/pne-sdk';
import { openRecords, openStore, type Store } from '@cpns/store';
import type { Logger } from '@cpns/telemetry';
import { workOffCommands } from './commands/command-directory';
import { CommandSession, LastDeliveries } from './commands/command-session';
import { preSharedOf, type DeviceConfig, type Goal, type PreSharedConfig } from './settings';

/** Binds sealed records to this program: no other one's data keys open them. */
const SERVICE = 'pne';

/** A device with its store open. */
export class DeviceProgram {
  private constructor(
    private readonly config: DeviceConfig,
    private readonly preShared: PreSharedConfig | undefined,
    private readonly store: Store,
    private readonly device: Device,
    private readonly deliveries: LastDeliveries,
    private readonly logger: Logger,
  ) {}

  /** @throws CpnsError CONFIGURATION_INVALID; STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE for the store */
  static async open(config: DeviceConfig, logger: Logger): Promise<DeviceProgram> {
    const preShared = preSharedOf(config);
    const store = await openStore(config.store);
    try {
      const records = await openRecords({ store, service: SERVICE, masterKeyFile: config.masterKeyFile });
      const { gatewayCertificateAddress } = config;
      const deliveries = new LastDeliveries();
      const device = await Device.open({
        states: new SealedDeviceStates(records),
        logger,
        ...(config.commandDirectory !== undefined && { onGroupKeyDelivery: deliveries.note }),
        ...(gatewayCertificateAddress && { certificateAddress: gatewayCertificateAddress }),
      });
      return new DeviceProgram(config, preShared, store, device, deliveries, logger);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Takes the device as far as the goal, from wherever it stands. @throws CpnsError what a step is refused with */
  async reach(goal: Goal): Promise<DeviceStatus> {
    await this.haveKey();
    if (goal === 'assigned') return this.device.status;
    const { waitForServer: waitMs } = this.config;
    await this.device.register({ waitMs });
    if (goal === 'proved') await this.report();
    return this.device.status;
  }

  /** GK-PULL of each group that CPNS_GROUPS names. @throws CpnsError what a pull is refused with */
  async pullGroups(): Promise<readonly GroupStatus[]> {
    const statuses: GroupStatus[] = [];
    for (const group of this.config.groups) statuses.push(await this.device.groups.pull(group));
    return statuses;
  }

  /** Does what command files say, until one says stop, or the signal. */
  async workOffCommands(directory: string, signal: AbortSignal): Promise<void> {
    const session = new CommandSession(this.device, this.deliveries, this.logger);
    try {
      await workOffCommands({ directory, run: (command) => session.run(command), signal });
    } finally {
      await session.close();
    }
  }

  async close(): Promise<void> {
    this.device.close();
    await this.store.close();
  }

  private async haveKey(): Promise<void> {
    const { oneTimeStringFile: oneTime, privateKeyFile: privateKey, waitForServer: waitMs } = this.config;
    if (this.preShared !== undefined) {
      await this.device.importKey(this.preShared);
      return;
    }
    if (oneTime === undefined && this.device.stage === 'new')
      throw invalidArgument('CONFIGURATION_INVALID', 'set CPNS_ONE_TIME_STRING_FILE, or CPNS_PRE_SHARED_KEY_FILE');
    await this.device.assign(oneTime, { waitMs, ...(privateKey && { own: { privateKey } }) });
  }

  /** A call that only the holder of the live key can make. */
  private async report(): Promise<void> {
    const { linkSecurity, softwareVersion } = this.config;
    const keyStorage = KeyStorage.KEY_STORAGE_SOFTWARE;
    await this.device.reportCapabilities({ linkSecurity, keyStorage, softwareVersion });
  }
}
