import { AdmissionState } from '@cpns/contracts';
import { parseOneTimeString, type KeyForm } from '@cpns/key-derivation';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LocalDevice } from '../support/local-device';
import { expectProvisionedOnce, expectSameKey, expectTokenSpent } from './checks';
import { DUE, SERVER } from './due';
import type { Flow, Run } from './flow';
import { PATIENCE_MS, PN, type House } from './house';

/** A new gateway enrols itself and provisions itself: EUK-GW-S and EUK-GW-P, steps 1 to 3. */
export const gatewayFlow: Flow = {
  name: 'gateway enrolment',
  due: DUE['gateway enrolment'],
  prepare: (house) => Promise.resolve(new GatewayRun(house, house.newId('gw'))),
  // the gateway is admitted like anybody else
  isOfAnother: ({ service, flow, kind }) =>
    service === SERVER && flow === '' && (kind === 'token' || kind === 'entity'),
};

class GatewayRun implements Run {
  readonly #name: string;
  #start: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly house: House,
    private readonly id: string,
  ) {
    this.#name = `${PN}/${id}`;
  }

  async perform(): Promise<void> {
    this.#start = this.house.deployment.addGateway({ pn: PN, id: this.id });
    await this.#start;
    await this.house.provisioned(this.#name);
  }

  async finish(victim: string, first: Promise<void>): Promise<void> {
    const { deployment } = this.house;
    if (victim === SERVER) {
      await deployment.restart(SERVER);
      return first;
    }
    // it died before it was ready, or while it asked for what it needs
    const wasReady = await this.#start.then(
      () => true,
      (error: unknown) => {
        expect(String(error)).toContain('SIGKILL');
        return false;
      },
    );
    await deployment.restart(this.#name);
    await (wasReady ? first : this.house.provisioned(this.#name));
  }

  async check(): Promise<void> {
    const { house } = this;
    const { operator, directory } = house.deployment;
    const entity = house.deployment.uri(this.#name);
    await expectProvisionedOnce(house, this.#name);
    const admissions = await operator.admissions(entity);
    expect(admissions.map(({ state }) => state)).toEqual([AdmissionState.ADMISSION_STATE_REGISTERED]);
    const file = join(directory, this.#name.replace('/', '-'), 'one-time-string');
    const tokenId = admissions[0]?.tokenId ?? '';
    await expectTokenSpent(house, { entity, tokenId, oneTimeString: readFileSync(file, 'utf8').trim() }, undefined);
    // the seed and the CA key that it holds are the ones that the Server knows
    await this.#assigns('secret');
    house.countRegistered(this.#name);
    await this.#assigns('key-pair');
    await expectProvisionedOnce(house, this.#name);
    await house.deployment.stopService(this.#name);
  }

  async #assigns(form: KeyForm): Promise<void> {
    const { deployment } = this.house;
    const id = this.house.newId('pne');
    const entity = deployment.entity(PN, 'pne', id);
    const admitted = await deployment.admit({ entity, form, assigner: this.#name, gateway: this.#name });
    const directory = join(deployment.directory, 'devices', id);
    const local = await LocalDevice.create(directory, deployment.address(this.#name, 'certificate'));
    try {
      await local.device.assign(parseOneTimeString(admitted.oneTimeString), { waitMs: PATIENCE_MS });
      await expectSameKey(this.house, { ...admitted, entity }, local);
    } finally {
      await local.close();
    }
  }
}
