/** The flows of Entity-User Keys, and what comes before them: an admission, the enrolment of a gateway. */
import { AdmissionState } from '@cpns/contracts';
import { parseOneTimeString, type KeyForm } from '@cpns/key-derivation';
import { type Admitted, type Device, LocalDevice } from '@cpns/testing';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Flow } from './campaign';
import { expectComesToKey, expectProvisionedOnce, expectSameKey, expectTokenSpent, type Assignment } from './checks';
import { DEVICE, GATEWAY, MAIN_GATEWAY, SERVER, type FlowName } from './due';
import { eventually, PATIENCE_MS, persistently, provisioned, type House } from './house';

/** An operator admits an entity, which nothing but the answer tells him that he did. */
const admissionFlow = (name: FlowName, assigner: string): Flow => ({
  name,
  prepare: (house) => {
    const { deployment } = house;
    const { operator } = deployment;
    const wanted = house.newDevice('secret', assigner);
    const { entity } = wanted;
    let admitted: Admitted;
    const perform = async () => {
      // without an answer an operator admits again: the first token is then of no use to anyone
      admitted = await persistently(() => deployment.admit({ ...wanted, waitUntilDelivered: false }));
      await eventually(`the delivery of the admission of ${entity}`, async () =>
        (await operator.admissions(entity)).some((one) => one.tokenId === admitted.tokenId && one.delivered),
      );
    };
    const check = async () => {
      const { tokenId, oneTimeString } = admitted;
      await expectComesToKey(house, { tokenId, oneTimeString, entity }, MAIN_GATEWAY);
      await expectTokenSpent(house, oneTimeString);
      const others = (await operator.admissions(entity)).filter((each) => each.tokenId !== tokenId);
      expect(others.length).toBeLessThanOrEqual(1);
      for (const { state } of others) expect(state).toBe(AdmissionState.ADMISSION_STATE_OPEN);
      if (assigner === MAIN_GATEWAY) house.countRegistered(MAIN_GATEWAY);
      await expectProvisionedOnce(house, MAIN_GATEWAY);
    };
    return { perform, check };
  },
});

/** A new gateway enrols itself and provisions itself: EUK-GW-S and EUK-GW-P, steps 1 to 3. */
const gatewayFlow: Flow = {
  name: 'gateway enrolment',
  // the gateway is admitted like any other entity
  isOfAnother: ({ service, flow, kind }) =>
    service === SERVER && flow === '' && ['token', 'entity', 'pn'].includes(kind),
  prepare: (house) => {
    const { deployment } = house;
    // in a network of its own: each gateway of a network hears of every key there, and there are many by the end
    const [pn, id] = [house.newId('pn'), 'gw1'];
    const name = `${pn}/${id}`;
    let start: Promise<unknown> = Promise.resolve();
    const perform = async () => {
      start = deployment.addGateway({ pn, id });
      await start;
      await provisioned(deployment, name);
    };
    // it died before it was ready, or while it asked for what it needs
    const again = async (first: Promise<void>) => {
      const [{ status, ...how }] = await Promise.allSettled([start]);
      if (status === 'rejected') expect(String(Object.values(how))).toContain('SIGKILL');
      await deployment.restart(name);
      await (status === 'fulfilled' ? first : provisioned(deployment, name));
    };
    const assigns = async (form: KeyForm) => {
      const wanted = house.newDevice(form, name, name, pn);
      await expectComesToKey(house, { ...(await deployment.admit(wanted)), entity: wanted.entity }, name);
    };
    const check = async () => {
      await expectProvisionedOnce(house, name);
      const admissions = await deployment.operator.admissions(deployment.uri(name));
      expect(admissions.map(({ state }) => state)).toEqual([AdmissionState.ADMISSION_STATE_REGISTERED]);
      const file = join(deployment.directory, name.replace('/', '-'), 'one-time-string');
      await expectTokenSpent(house, readFileSync(file, 'utf8').trim());
      // the seed and the CA key that it holds are the ones that the Server knows
      await assigns('secret');
      house.countRegistered(name);
      await assigns('key-pair');
      await expectProvisionedOnce(house, name);
      await deployment.stopService(name);
    };
    return { perform, finish: { [GATEWAY]: again }, check };
  },
};

/** Works on the store of a device whose process does not run. */
async function locally({ deployment }: House, { storeUrl, spec }: Device, work: (local: LocalDevice) => Promise<void>) {
  const masterKeyFile = spec.env.CPNS_MASTER_KEY_FILE ?? '';
  const certificateAddress = deployment.address(MAIN_GATEWAY, 'certificate');
  const local = await LocalDevice.open(storeUrl, masterKeyFile, certificateAddress);
  await work(local).finally(() => local.close());
}

/**
 * A flow whose target entity is a process of its own: one that assigns, or EUK-GW-VERIFY after the other was done.
 * @param isFirst the program finds an empty directory, and makes its data key in the flow as well
 */
const deviceFlow = (name: FlowName, form: KeyForm, assigner: string, isFirst = false): Flow => ({
  name,
  prepare: async (house) => {
    const { deployment } = house;
    const isVerified = name.startsWith('EUK-GW-VERIFY');
    const wanted = house.newDevice(form, assigner);
    const { entity } = wanted;
    const { tokenId, oneTimeString } = await deployment.admit(wanted);
    const device = await deployment.prepareDevice({ entity, gateway: MAIN_GATEWAY, oneTimeString });
    let assignment: Assignment | undefined;
    const remember = async (local: LocalDevice) => {
      const { exchange } = await local.read();
      if (exchange?.stage === 'assigned') assignment = exchange;
    };
    if (!isFirst)
      await locally(house, device, async (local) => {
        if (isVerified) await local.device.assign(parseOneTimeString(oneTimeString), { waitMs: PATIENCE_MS });
        await remember(local);
      });
    const perform = async () => void (await device.run(isVerified ? 'registered' : 'assigned'));
    const again = async (first: Promise<void>) => {
      await expect(first).rejects.toThrow('SIGKILL');
      await perform();
    };
    const check = async () => {
      await locally(house, device, async (local) => {
        await remember(local);
        await expectSameKey(house, entity, tokenId, local);
      });
      await expectTokenSpent(house, oneTimeString, assignment);
      if (form === 'secret' && assigner === MAIN_GATEWAY) house.countRegistered(MAIN_GATEWAY);
      await expectProvisionedOnce(house, MAIN_GATEWAY);
    };
    return { perform, finish: { [DEVICE]: again }, check };
  },
});

export const KEY_FLOWS = {
  what: 'key flows',
  services: [],
  flows: [
    admissionFlow('admission, assigner Server', 'server'),
    admissionFlow('admission, assigner gateway', MAIN_GATEWAY),
    gatewayFlow,
    deviceFlow('EUK-SRV-S', 'secret', 'server', true),
    deviceFlow('EUK-SRV-P', 'key-pair', 'server'),
    deviceFlow('EUK-GW-S', 'secret', MAIN_GATEWAY),
    deviceFlow('EUK-GW-P', 'key-pair', MAIN_GATEWAY),
    deviceFlow('EUK-GW-VERIFY, secret of a gateway', 'secret', MAIN_GATEWAY),
    deviceFlow('EUK-GW-VERIFY, certificate of a gateway', 'key-pair', MAIN_GATEWAY),
    deviceFlow('EUK-GW-VERIFY, certificate of the Server', 'key-pair', 'server'),
  ],
};
