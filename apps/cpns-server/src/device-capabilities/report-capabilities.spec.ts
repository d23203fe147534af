/** What the Server records of a report, and what of one it refuses (GK-SECLEVEL); the rows of bad input have the proofs. */
import {
  DeviceCapabilitiesServiceService,
  KeyStorage,
  LinkSecurity,
  PnGatewayServiceReportCapabilitiesRequest,
  type DeviceCapabilities,
} from '@cpns/contracts';
import { refusalOf } from '@cpns/platform/testing';
import { CAPABILITIES, ownDraft, REPORTING, sealProof, secretHolder, type Holder } from '@cpns/testing/bad-input';
import { ServerWorld } from '../testing/key-world';

const AT = 'Server certificate';
const { reportCapabilities, getCapabilities } = DeviceCapabilitiesServiceService;
const { capabilities: GOOD } = CAPABILITIES;

let world: ServerWorld;
let holder: Holder;
beforeAll(async () => {
  world = await ServerWorld.start();
  holder = await secretHolder(world);
});
afterAll(() => world.stop());

/** @param beside what the gateway says besides the entity's own bytes */
function report(capabilities: DeviceCapabilities | undefined, beside: DeviceCapabilities = GOOD) {
  const body = Buffer.from(PnGatewayServiceReportCapabilitiesRequest.encode({ capabilities }).finish());
  const entityProof = sealProof(ownDraft(world, holder, { ...REPORTING, body }));
  const authenticatedBy = { $case: 'keyId', value: Buffer.alloc(16, 7) } as const;
  const request = { entity: holder.entity, capabilities: beside, authenticatedBy, entityRequest: body, entityProof };
  return world.wire(AT, 'PN GW').call(reportCapabilities, request);
}
const recorded = async () =>
  (await world.wire(AT, 'operator').call(getCapabilities, { entity: holder.entity })).capabilities;

it.each<[string, Partial<DeviceCapabilities>]>([
  ['a link that is not said', { linkSecurity: LinkSecurity.LINK_SECURITY_UNSPECIFIED }],
  ['a storage that is not said', { keyStorage: KeyStorage.KEY_STORAGE_UNSPECIFIED }],
  ['no version', { softwareVersion: '' }],
  ['a version of 64 code points, each of four bytes', { softwareVersion: '😀'.repeat(64) }],
  ['a version in another script', { softwareVersion: 'версия 2 – für Uhren' }],
])('takes %s, from the entity’s own bytes alone', async (_what, change) => {
  await report({ ...GOOD, ...change }, { ...GOOD, softwareVersion: 'as the gateway has it' });
  expect(await recorded()).toEqual({ ...GOOD, ...change });
});

it.each<[string, Partial<DeviceCapabilities> | undefined, string]>([
  ['no capabilities', undefined, 'FIELD_MISSING'],
  ['a link of no kind', { linkSecurity: 17 as LinkSecurity }, 'FIELD_OUT_OF_RANGE'],
  ['a storage of no kind', { keyStorage: -2 as KeyStorage }, 'FIELD_OUT_OF_RANGE'],
  ['a version of 65 code points', { softwareVersion: 'a'.repeat(65) }, 'FIELD_TOO_LONG'],
  ['a version with a control character', { softwareVersion: '1.0\u001b[2J' }, 'NAME_INVALID'],
])('refuses %s', async (_what, change, reason) => {
  await report(GOOD);
  expect(await refusalOf(() => report(change && { ...GOOD, ...change }))).toMatchObject({ reason });
  expect(await recorded()).toEqual(GOOD);
});
