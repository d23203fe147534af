/**
 * B.1.2 steps 4 to 6 need no CPNS Server: a PN GW that was provisioned assigns Entity-User Keys while the Server is away,
 * also when it is started again meanwhile, and registration follows when the Server is back (EUK-GW-VERIFY).
 */
import { AdmissionState, KeyState } from '@cpns/contracts';
import { forEach } from '@cpns/core';
import { parseOneTimeString, type KeyForm } from '@cpns/key-derivation';
import { Deployment, admitLocally, CAPABILITIES, type AdmittedDevice } from '@cpns/testing';

const SERVER = 'cpns-server';
const GATEWAY = 'pn1/gw1';
const DEVICES = 50;
const AT_ONCE = 10;
/** How long a device goes on while the other side does not answer, milliseconds. */
const WAIT_MS = 30_000;
const UNAVAILABLE = { code: 'UNAVAILABLE' };

jest.setTimeout(300_000);

let deployment: Deployment;
/** Every other one is to have a secret, and a certificate. */
const parties: AdmittedDevice[] = [];
/** A device of the same gateway whose key only the Server assigns. */
let ofServer: AdmittedDevice | undefined;

const formOf = (index: number): KeyForm => (index % 2 === 0 ? 'secret' : 'key-pair');

const admit = (id: string, form: KeyForm, assigner: string) =>
  admitLocally(deployment, { entity: deployment.entity('pn1', 'pne', id), form, assigner, gateway: GATEWAY });

const assign = ({ local, oneTimeString }: AdmittedDevice) =>
  local.device.assign(parseOneTimeString(oneTimeString), { waitMs: WAIT_MS });

const servedBySeed = async (): Promise<number[]> => {
  const { gateway } = await deployment.operator.enrolment.getGateway({ entity: deployment.uri(GATEWAY) });
  return (gateway?.firstSeeds ?? []).map(({ registeredEntities }) => registeredEntities);
};

const expectServerAway = () =>
  expect(deployment.operator.admissions(parties[0]!.entity)).rejects.toMatchObject(UNAVAILABLE);

beforeAll(async () => {
  deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'gw1' }], services: [] });
  const admitOne = async (index: number) => {
    parties[index] = await admit(`pne-${index}`, formOf(index), GATEWAY);
  };
  await forEach(Array.from(Array(DEVICES).keys()), admitOne, AT_ONCE);
  ofServer = await admit('pne-of-server', 'secret', 'server');
});

afterAll(async () => {
  for (const { local } of parties) await local.close();
  await ofServer?.local.close();
  await deployment?.stop();
});

describe('a PN GW while the CPNS Server is away', () => {
  it('assigns all keys by itself, also after it was killed and started again', async () => {
    expect(await servedBySeed()).toEqual([0]);
    await deployment.stopService(SERVER);
    await expectServerAway();
    await forEach(parties.slice(0, DEVICES / 2), assign, AT_ONCE);
    await deployment.kill(GATEWAY);
    await deployment.restart(GATEWAY);
    await forEach(parties.slice(DEVICES / 2), assign, AT_ONCE);
    const assigner = deployment.uri(GATEWAY);
    for (const [index, { local }] of parties.entries())
      expect(local.device.status).toMatchObject({ stage: 'assigned', assigner, form: formOf(index) });
    await expectServerAway();
  });

  it('answers UNAVAILABLE to what only the Server can do', async () => {
    const { local, oneTimeString } = ofServer!;
    await expect(parties[0]!.local.device.register()).rejects.toMatchObject(UNAVAILABLE);
    await expect(parties[1]!.local.device.register()).rejects.toMatchObject(UNAVAILABLE);
    await expect(local.device.assign(parseOneTimeString(oneTimeString))).rejects.toMatchObject(UNAVAILABLE);
  });
});

describe('when the Server is back', () => {
  it('every device registers, with the key that the gateway assigned, and proves it', async () => {
    await deployment.restart(SERVER);
    const { operator } = deployment;
    const keys = new Set<string>();
    const registerOne = async ({ entity, local: { device } }: AdmittedDevice) => {
      await device.register({ waitMs: WAIT_MS });
      expect(await device.reportCapabilities(CAPABILITIES)).toBeGreaterThan(0);
      const { key } = await operator.entityUserKeys.getEntityUserKey({ entity });
      expect(key).toMatchObject({ state: KeyState.KEY_STATE_LIVE, assigner: deployment.uri(GATEWAY) });
      const keyId = key!.keyId.toString('hex');
      expect(keyId).toBe(device.status.keyId);
      keys.add(keyId);
      const admissions = await operator.admissions(entity);
      expect(admissions.map(({ state }) => state)).toEqual([AdmissionState.ADMISSION_STATE_REGISTERED]);
    };
    await forEach(parties, registerOne, AT_ONCE);
    expect(keys.size).toBe(DEVICES);
    expect(await servedBySeed()).toEqual([DEVICES / 2]);
  });

  it('the device that had to wait for it gets its key from it', async () => {
    const { device } = ofServer!.local;
    await device.assign(undefined, { waitMs: WAIT_MS });
    expect(device.status).toMatchObject({ stage: 'live' });
    expect(await device.reportCapabilities(CAPABILITIES)).toBeGreaterThan(0);
  });
});
