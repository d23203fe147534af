/**
 * B.1.2 steps 4 to 6 need no CPNS Server: a PN GW that was provisioned assigns Entity-User Keys while the Server is away,
 * also when it is started again meanwhile, and registration follows when the Server is back (EUK-GW-VERIFY).
 */
import { AdmissionState, KeyState } from '@cpns/contracts';
import { CpnsError, inChunks } from '@cpns/core';
import { parseOneTimeString, type KeyForm } from '@cpns/key-derivation';
import { Deployment } from '@cpns/testing';
import { admitLocally, CAPABILITIES, type AdmittedDevice } from '../support/local-device';

const SERVER = 'cpns-server';
const GATEWAY = 'pn1/gw1';
const DEVICES = 50;
const AT_ONCE = 10;
const START_MS = 60_000;
const ALL_MS = 240_000;
/** How long a device goes on while the other side does not answer, milliseconds. */
const WAIT_MS = 30_000;

type Party = AdmittedDevice & { readonly form: KeyForm };

let deployment: Deployment;
let parties: readonly Party[] = [];
/** A device of the same gateway whose key only the Server assigns. */
let ofServer: Party;

const say = (line: string) => process.stdout.write(`${line}\n`);
const formOf = (index: number): KeyForm => (index % 2 === 0 ? 'secret' : 'key-pair');
const bothForms = (all: readonly Party[]): string =>
  `${all.length} (${all.filter(({ form }) => form === 'secret').length} secrets, ` +
  `${all.filter(({ form }) => form === 'key-pair').length} certificates)`;

/** What each comes to, a few at a time. */
async function each<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const some of inChunks(all, AT_ONCE)) results.push(...(await Promise.all(some.map(work))));
  return results;
}

const admit = async (id: string, form: KeyForm, assigner: string): Promise<Party> => ({
  form,
  ...(await admitLocally(deployment, {
    entity: deployment.entity('pn1', 'pne', id),
    form,
    assigner,
    gateway: GATEWAY,
  })),
});

const assign = ({ local, oneTimeString }: Party) =>
  local.device.assign(parseOneTimeString(oneTimeString), { waitMs: WAIT_MS });

const refusal = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'it was answered',
    (error: unknown) => (error instanceof CpnsError ? error.code : String(error)),
  );

const servedBySeed = async (): Promise<number[]> => {
  const { gateway } = await deployment.operator.enrolment.getGateway({ entity: deployment.uri(GATEWAY) });
  return (gateway?.firstSeeds ?? []).map(({ registeredEntities }) => registeredEntities);
};

beforeAll(async () => {
  deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'gw1' }], services: [] });
  const indices = Array.from({ length: DEVICES }, (_, index) => index);
  parties = await each(indices, (index) => admit(`pne-${index}`, formOf(index), GATEWAY));
  ofServer = await admit('pne-of-server', 'secret', 'server');
}, START_MS + ALL_MS);

afterAll(async () => {
  await each([...parties, ...(ofServer === undefined ? [] : [ofServer])], ({ local }) => local.close());
  await deployment?.stop();
}, START_MS);

describe('a PN GW while the CPNS Server is away', () => {
  it(
    'assigns all keys by itself, also after it was killed and started again',
    async () => {
      expect(await servedBySeed()).toEqual([0]);
      await deployment.stopService(SERVER);
      expect(await refusal(deployment.operator.admissions(parties[0]!.entity))).toBe('UNAVAILABLE');
      const half = DEVICES / 2;
      const statuses = await each(parties.slice(0, half), assign);
      await deployment.kill(GATEWAY);
      await deployment.restart(GATEWAY);
      statuses.push(...(await each(parties.slice(half), assign)));
      const assigner = deployment.uri(GATEWAY);
      expect(statuses).toHaveLength(DEVICES);
      statuses.forEach((status, index) =>
        expect(status).toMatchObject({ stage: 'assigned', assigner, form: formOf(index) }),
      );
      expect(await refusal(deployment.operator.admissions(parties[0]!.entity))).toBe('UNAVAILABLE');
      say(`assigned while the Server was stopped: ${bothForms(parties)} of ${DEVICES}`);
    },
    ALL_MS,
  );

  it('answers UNAVAILABLE to what only the Server can do', async () => {
    expect(await refusal(parties[0]!.local.device.register())).toBe('UNAVAILABLE');
    expect(await refusal(parties[1]!.local.device.register())).toBe('UNAVAILABLE');
    expect(await refusal(ofServer.local.device.assign(parseOneTimeString(ofServer.oneTimeString)))).toBe('UNAVAILABLE');
  });
});

describe('when the Server is back', () => {
  it(
    'every device registers, with the key that the gateway assigned, and proves it',
    async () => {
      await deployment.restart(SERVER);
      await each(parties, ({ local }) => local.device.register({ waitMs: WAIT_MS }));
      const recorded = await each(parties, ({ local }) => local.device.reportCapabilities(CAPABILITIES));
      const { operator } = deployment;
      const keys = await each(parties, async ({ entity, local }) => {
        const { key } = await operator.entityUserKeys.getEntityUserKey({ entity });
        expect(key).toMatchObject({ state: KeyState.KEY_STATE_LIVE, assigner: deployment.uri(GATEWAY) });
        expect(key?.keyId.toString('hex')).toBe(local.device.status.keyId);
        return key?.keyId.toString('hex');
      });
      expect(new Set(keys).size).toBe(DEVICES);
      const admissions = (await each(parties, ({ entity }) => operator.admissions(entity))).flat();
      expect(admissions.map(({ state }) => state)).toEqual(
        parties.map(() => AdmissionState.ADMISSION_STATE_REGISTERED),
      );
      expect(await servedBySeed()).toEqual([parties.filter(({ form }) => form === 'secret').length]);
      expect(recorded).toHaveLength(DEVICES);
      say(`registered when it was back: ${bothForms(parties)} of ${DEVICES}; proved their key: ${recorded.length}`);
    },
    ALL_MS,
  );

  it('the device that had to wait for it gets its key from it', async () => {
    const { device } = ofServer.local;
    await device.assign(undefined, { waitMs: WAIT_MS });
    expect(device.status).toMatchObject({ stage: 'live' });
    expect(await device.reportCapabilities(CAPABILITIES)).toBeGreaterThan(0);
  });
});
