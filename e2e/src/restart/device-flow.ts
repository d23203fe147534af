import { parseOneTimeString, type KeyForm } from '@cpns/key-derivation';
import type { Admitted, Assigned } from '@cpns/pne-sdk';
import type { Device } from '@cpns/testing';
import { LocalDevice } from '../support/local-device';
import { expectProvisionedOnce, expectSameKey, expectTokenSpent, type Token } from './checks';
import { DEVICE, DUE, type FlowName } from './due';
import type { Flow, Run } from './flow';
import { MAIN_GATEWAY, PATIENCE_MS, PN, type House } from './house';

export interface DeviceFlowOptions {
  readonly form: KeyForm;
  readonly assigner: 'server' | typeof MAIN_GATEWAY;
  /** `assigned`: the flow that assigns. `registered`: the one that verifies, after the other was done. */
  readonly until: 'assigned' | 'registered';
  /** The device program finds an empty directory, and makes its data key in the flow as well. */
  readonly emptyStore?: boolean;
}

/** A flow whose target entity is a process of its own. */
export function deviceFlow(name: FlowName, options: DeviceFlowOptions): Flow {
  return {
    name,
    due: DUE[name],
    prepare: async (house) => {
      const { deployment } = house;
      const { form, assigner } = options;
      const entity = deployment.entity(PN, 'pne', house.newId('pne'));
      const { tokenId, oneTimeString } = await deployment.admit({ entity, form, assigner, gateway: MAIN_GATEWAY });
      const device = await deployment.prepareDevice({ entity, gateway: MAIN_GATEWAY, oneTimeString });
      const run = new DeviceRun(house, { entity, tokenId, oneTimeString }, device, options);
      await run.prepare();
      return run;
    },
  };
}

class DeviceRun implements Run {
  #assignment: { readonly admitted: Admitted; readonly assigned: Assigned } | undefined;

  constructor(
    private readonly house: House,
    private readonly token: Token,
    private readonly device: Device,
    private readonly options: DeviceFlowOptions,
  ) {}

  async prepare(): Promise<void> {
    const { emptyStore = false, until } = this.options;
    if (emptyStore) return;
    await this.#locally(async (local) => {
      if (until !== 'registered') return;
      await local.device.assign(parseOneTimeString(this.token.oneTimeString), { waitMs: PATIENCE_MS });
      await this.#rememberAssignment(local);
    });
  }

  async perform(): Promise<void> {
    await this.device.run(this.options.until);
  }

  async finish(victim: string, first: Promise<void>): Promise<void> {
    if (victim === DEVICE) {
      await expect(first).rejects.toThrow('SIGKILL');
      return this.perform();
    }
    await this.house.revive(victim);
    await first;
  }

  async check(): Promise<void> {
    await this.#locally(async (local) => {
      await this.#rememberAssignment(local);
      await expectSameKey(this.house, this.token, local);
    });
    await expectTokenSpent(this.house, this.token, this.#assignment);
    const { form, assigner } = this.options;
    if (form === 'secret' && assigner === MAIN_GATEWAY) this.house.countRegistered(MAIN_GATEWAY);
    await expectProvisionedOnce(this.house, MAIN_GATEWAY);
  }

  async #rememberAssignment(local: LocalDevice): Promise<void> {
    const { exchange } = await local.read();
    if (exchange?.stage === 'assigned') this.#assignment = exchange;
  }

  async #locally(work: (local: LocalDevice) => Promise<void>): Promise<void> {
    const local = await LocalDevice.open({
      storeUrl: this.device.storeUrl,
      masterKeyFile: this.device.spec.env.CPNS_MASTER_KEY_FILE ?? '',
      certificateAddress: this.house.deployment.address(MAIN_GATEWAY, 'certificate'),
    });
    try {
      await work(local);
    } finally {
      await local.close();
    }
  }
}
