import { AdmissionState } from '@cpns/contracts';
import { parseOneTimeString } from '@cpns/key-derivation';
import type { Admitted } from '@cpns/testing';
import { join } from 'node:path';
import { LocalDevice } from '../support/local-device';
import { expectProvisionedOnce, expectSameKey, expectTokenSpent } from './checks';
import { DUE, type FlowName } from './due';
import type { Flow, Run } from './flow';
import { eventually, MAIN_GATEWAY, PATIENCE_MS, persistently, PN, type House } from './house';

/** An operator admits an entity, which nothing but the answer tells him that he did. */
export const admissionFlow = (name: FlowName, assigner: 'server' | typeof MAIN_GATEWAY): Flow => ({
  name,
  due: DUE[name],
  prepare: (house) => Promise.resolve(new AdmissionRun(house, house.newId('admitted'), assigner)),
});

class AdmissionRun implements Run {
  #admitted: Admitted | undefined;

  constructor(
    private readonly house: House,
    private readonly id: string,
    private readonly assigner: 'server' | typeof MAIN_GATEWAY,
  ) {}

  get #entity(): string {
    return this.house.deployment.entity(PN, 'pne', this.id);
  }

  async perform(): Promise<void> {
    const { deployment } = this.house;
    const peer = { uri: deployment.uri(MAIN_GATEWAY), address: deployment.address(MAIN_GATEWAY, 'token') };
    const assigner = this.assigner === 'server' ? {} : { assigner: deployment.uri(this.assigner) };
    const entity = this.#entity;
    // without an answer an operator admits again: the token that he knows nothing of is nobody's
    const admitted = await persistently(() =>
      deployment.operator.admit({ entity, form: 'secret', peer, ...assigner, waitUntilDelivered: false }),
    );
    this.#admitted = admitted;
    await eventually(`the delivery of the admission of ${entity}`, async () =>
      (await deployment.operator.admissions(entity)).find(
        ({ tokenId, delivered }) => tokenId === admitted.tokenId && delivered,
      ),
    );
  }

  async finish(victim: string, first: Promise<void>): Promise<void> {
    await this.house.revive(victim);
    await first;
  }

  async check(): Promise<void> {
    const { house } = this;
    if (this.#admitted === undefined) throw new Error('nobody was admitted');
    const { tokenId, oneTimeString } = this.#admitted;
    const token = { entity: this.#entity, tokenId, oneTimeString };
    const directory = join(house.deployment.directory, 'devices', this.id);
    const local = await LocalDevice.create(directory, house.deployment.address(MAIN_GATEWAY, 'certificate'));
    try {
      await local.device.assign(parseOneTimeString(oneTimeString), { waitMs: PATIENCE_MS });
      await expectSameKey(house, token, local);
    } finally {
      await local.close();
    }
    await expectTokenSpent(house, token, undefined);
    const others = (await house.deployment.operator.admissions(token.entity)).filter(
      (each) => each.tokenId !== tokenId,
    );
    expect(others.length).toBeLessThanOrEqual(1);
    for (const { state } of others) expect(state).toBe(AdmissionState.ADMISSION_STATE_OPEN);
    if (this.assigner === MAIN_GATEWAY) house.countRegistered(MAIN_GATEWAY);
    await expectProvisionedOnce(house, MAIN_GATEWAY);
  }
}
