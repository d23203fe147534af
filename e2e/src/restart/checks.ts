/** What must be true when a flow was finished, whatever died on the way. */
import { AdmissionState, KeyState, LinkSecurity, KeyStorage, AssignmentRequest } from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import { parseOneTimeString } from '@cpns/key-derivation';
import {
  prepareAssignment,
  prepareRegistration,
  registrationRequest,
  tokenChannel,
  type Admitted,
  type Assigned,
} from '@cpns/pne-sdk';
import { lookIntoStore } from '@cpns/testing';
import { firstSeedAggregate, SERVED_SET } from '../../../apps/pn-gw/src/provisioning/first-seeds';
import type { LocalDevice } from '../support/local-device';
import { PATIENCE_MS, type Counts, type House } from './house';

export interface Token {
  readonly entity: string;
  readonly tokenId: string;
  readonly oneTimeString: string;
}

export const CAPABILITIES = {
  linkSecurity: LinkSecurity.LINK_SECURITY_NONE,
  keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
  softwareVersion: '1',
};

/** Both sides have the same key, and it is in use; the one admission was registered. */
export async function expectSameKey(house: House, { entity, tokenId }: Token, { device }: LocalDevice): Promise<void> {
  await device.register({ waitMs: PATIENCE_MS });
  expect(device.status).toMatchObject({ stage: 'live', entity });
  const { operator } = house.deployment;
  const { key } = await operator.entityUserKeys.getEntityUserKey({ entity });
  expect(key).toMatchObject({ entity, tokenId, state: KeyState.KEY_STATE_LIVE });
  expect(key?.keyId.toString('hex')).toBe(device.status.keyId);
  const admissions = await operator.admissions(entity);
  expect(admissions.filter(({ state }) => state === AdmissionState.ADMISSION_STATE_REGISTERED)).toHaveLength(1);
  expect(admissions.find((admission) => admission.tokenId === tokenId)).toMatchObject({
    state: AdmissionState.ADMISSION_STATE_REGISTERED,
    delivered: true,
  });
  // only who holds the key gets through
  expect(await device.reportCapabilities(CAPABILITIES)).toBeGreaterThan(Date.now() - PATIENCE_MS);
}

/** The token leads to nothing more: not to another key, and not to another registration of the one it led to. */
export async function expectTokenSpent(
  house: House,
  { oneTimeString }: Token,
  assignment: { readonly admitted: Admitted; readonly assigned: Assigned } | undefined,
): Promise<void> {
  const pending = await prepareAssignment(
    parseOneTimeString(oneTimeString),
    house.deployment.pki.rootDer,
    systemRandom,
  );
  const channel = tokenChannel(pending.admitted);
  try {
    await expect(channel.assign(AssignmentRequest.decode(pending.request))).rejects.toMatchObject({
      reason: 'TOKEN_SPENT',
    });
    if (assignment === undefined) return;
    const { admitted, assigned } = assignment;
    const other = await prepareRegistration(admitted, assigned, systemRandom);
    await expect(channel.register(registrationRequest(admitted, assigned, other))).rejects.toMatchObject({
      reason: 'TOKEN_SPENT',
    });
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
  expect(await countsOf(house, gateway)).toEqual(house.countsOf(gateway));
}

/** How many (E, user) the Server and the gateway itself count for the gateway's one 1st seed. @param gateway its name */
export async function countsOf({ deployment }: House, gateway: string): Promise<Counts> {
  const found = (await deployment.operator.enrolment.getGateway({ entity: deployment.uri(gateway) })).gateway;
  const { firstSeedId = '', registeredEntities = 0 } = found?.firstSeeds[0] ?? {};
  const served = await lookIntoStore(deployment.storeUrl(gateway), (store) =>
    store.members(firstSeedAggregate(firstSeedId), SERVED_SET, undefined, 1_000),
  );
  return { registered: registeredEntities, served: served.items.length };
}
