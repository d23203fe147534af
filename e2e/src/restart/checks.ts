/** What must be true when a flow was finished, whatever died on the way. */
import { AdmissionState, KeyState, AssignmentRequest } from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import { parseOneTimeString } from '@cpns/key-derivation';
import {
  prepareAssignment,
  prepareRegistration,
  registrationRequest,
  tokenChannel,
  type Exchange,
} from '@cpns/pne-sdk';
import { dump } from '@cpns/store/testing';
import { lookIntoStore, CAPABILITIES, LocalDevice, type AdmittedDevice } from '@cpns/testing';
import { join } from 'node:path';
import { PATIENCE_MS, persistently, type House } from './house';

/** What a device keeps of a key until it is registered. */
export type Assignment = Extract<Exchange, { readonly stage: 'assigned' }>;

/** Both sides have the same key, and it is in use; the one admission was registered. */
export async function expectSameKey(house: House, entity: string, tokenId: string, { device }: LocalDevice) {
  await device.register({ waitMs: PATIENCE_MS });
  expect(device.status).toMatchObject({ stage: 'live', entity });
  const { operator } = house.deployment;
  const { key } = await operator.entityUserKeys.getEntityUserKey({ entity });
  expect(key).toMatchObject({ entity, tokenId, state: KeyState.KEY_STATE_LIVE });
  expect(key?.keyId.toString('hex')).toBe(device.status.keyId);
  const registered = (await operator.admissions(entity)).filter(
    ({ state }) => state === AdmissionState.ADMISSION_STATE_REGISTERED,
  );
  expect(registered).toMatchObject([{ tokenId, delivered: true }]);
  // only who holds the key gets through
  const reportedAt = await persistently(() => device.reportCapabilities(CAPABILITIES));
  expect(reportedAt).toBeGreaterThan(Date.now() - PATIENCE_MS);
}

/** A device that is handed the one-time string comes to its key. @param gateway name of the one that it calls */
export async function expectComesToKey(house: House, handed: Omit<AdmittedDevice, 'local'>, gateway: string) {
  const directory = join(house.deployment.directory, 'local-devices', house.newId('device'));
  const local = await LocalDevice.create(directory, house.deployment.address(gateway, 'certificate'));
  try {
    await local.device.assign(parseOneTimeString(handed.oneTimeString), { waitMs: PATIENCE_MS });
    await expectSameKey(house, handed.entity, handed.tokenId, local);
  } finally {
    await local.close();
  }
}

/** The token leads to nothing more: not to another key, and not to another registration of the one it led to. */
export async function expectTokenSpent(house: House, oneTimeString: string, assignment?: Assignment): Promise<void> {
  const oneTime = parseOneTimeString(oneTimeString);
  const pending = await prepareAssignment(oneTime, house.deployment.pki.rootDer, systemRandom);
  const channel = tokenChannel(pending.admitted);
  const refused = { reason: 'TOKEN_SPENT' };
  try {
    await expect(channel.assign(AssignmentRequest.decode(pending.request))).rejects.toMatchObject(refused);
    if (assignment === undefined) return;
    const { admitted, assigned } = assignment;
    const other = await prepareRegistration(admitted, assigned, systemRandom);
    await expect(channel.register(registrationRequest(admitted, assigned, other))).rejects.toMatchObject(refused);
  } finally {
    channel.close();
  }
}

/** One 1st seed and one CA certificate per epoch, and the seed counts whom it served once. @param gateway its name */
export async function expectProvisionedOnce(house: House, gateway: string): Promise<void> {
  const { deployment } = house;
  const found = (await deployment.operator.enrolment.getGateway({ entity: deployment.uri(gateway) })).gateway;
  expect(found?.revoked).toBe(false);
  expect(found?.cas.map(({ revoked }) => revoked)).toEqual([false]);
  expect(found?.firstSeeds.map(({ revoked }) => revoked)).toEqual([false]);
  const served = house.served.get(gateway) ?? 0;
  expect(await countsOf(house, gateway)).toEqual({ registered: served, served });
}

/** How many (E, user) the Server and the gateway itself count for the gateway's one 1st seed. @param gateway its name */
export async function countsOf({ deployment }: House, gateway: string) {
  const found = (await deployment.operator.enrolment.getGateway({ entity: deployment.uri(gateway) })).gateway;
  const { firstSeedId = '', registeredEntities = 0 } = found?.firstSeeds[0] ?? {};
  const stored = await lookIntoStore(deployment.storeUrl(gateway), dump);
  const { records = {} } = stored[`first-seed/${firstSeedId}`] ?? {};
  const served = Object.keys(records).filter((name) => name.startsWith('served.'));
  return { registered: registeredEntities, served: served.length };
}
