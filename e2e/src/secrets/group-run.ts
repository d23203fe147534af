/** The group flows of a full run: pulled and pushed keys, changes of members, data between them, refusals, and the end. */
import {
  GroupKeyDelivery,
  GroupKeyManagementServiceService,
  KmcServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import { EntityUserKey, GroupKey } from '@cpns/core';
import { deriveContentKey, parseContentHeader, parseEnvelope } from '@cpns/group-key';
import { deriveWrapKey } from '@cpns/key-derivation';
import type { Deployment, Device, DeviceCommand, DeviceSession } from '@cpns/testing';
import { randomBytes } from 'node:crypto';
import { tlsOf, flipped, Refusal, Wire } from '@cpns/testing/bad-input';
import { needlesOf, sealedStoreOf } from './needles';
import type { Needle, Trace } from './scan';

const MODES = ['pull', 'push'] as const;
const VERSIONS = 3n;
const KMC = 'kmc';

export interface GroupRun {
  readonly needles: readonly Needle[];
  /** What may be seen, each in its places. */
  readonly traces: readonly Trace[];
  readonly errors: readonly string[];
  /** Versions of Group Keys that were made. */
  readonly versions: number;
}

/** A device that stays, with E. */
interface Talker {
  readonly entity: string;
  readonly session: DeviceSession;
}

/** What the groups leave behind for those who look for it. */
interface Harvest {
  readonly plaintexts: Needle[];
  readonly messages: Buffer[];
  readonly deliveries: GroupKeyDelivery[];
  readonly errors: string[];
}

/** @param devices with live keys, three at least; they are stopped at the end */
export async function runGroups(deployment: Deployment, devices: readonly Device[]): Promise<GroupRun> {
  const talkers = await Promise.all(
    devices.map(async (device) => ({ entity: device.entity, session: await device.open() })),
  );
  const harvest: Harvest = { plaintexts: [], messages: [], deliveries: [], errors: [] };
  for (const mode of MODES) await oneGroup(deployment, `group-${mode}`, mode, talkers, harvest);
  harvest.errors.push(...(await refusedCalls(deployment, talkers)));
  const entities = talkers.map(({ entity }) => entity);
  // what services and stores know now: versions that are destroyed later are still there
  const stores = [KMC, 'cpns-server', ...entities].map((name) => needlesOf(sealedStoreOf(deployment, name)));
  const needles = [...harvest.plaintexts, ...(await Promise.all(stores)).flat()];
  const groupKeys = needles.filter(isGroupKey);
  // the keys that are still there go with the group; one of each kind stays with the devices until they stop
  await deployment.operator.groups.deleteGroup('group-pull');
  for (const { session } of talkers) await session.stop();
  const secrets = needles.filter(({ what }) => what.includes(': secret of '));
  return {
    needles: [...needles, ...contentKeys(harvest.messages, groupKeys), ...wrapKeys(secrets, entities)],
    traces: [
      ...harvest.messages.map((bytes, index) => ({ what: `sealed message ${index}`, bytes, belongs: NOWHERE })),
      ...harvest.deliveries.map(({ own }, index) => ({
        what: `envelope ${index}`,
        bytes: parseEnvelope(own).wrap,
        belongs: GATEWAY_STORE,
      })),
    ],
    errors: harvest.errors,
    versions: new Set(groupKeys.map(({ bytes }) => bytes.toString('hex'))).size,
  };
}

/** Data goes from member to member; no service of the deployment ever has it. */
const NOWHERE = /^$/;
/** A gateway holds the envelopes of the members behind it. */
const GATEWAY_STORE = /^store of pn1\/gw1$|^\/pn1-gw1\/store\//;

const isGroupKey = ({ what }: Needle): boolean => what.includes(': groupKey of ');

/** What a device says when it refuses. */
async function refusalBy({ session }: Talker, command: DeviceCommand): Promise<string> {
  const answer = await session.command(command);
  if (answer.ok) throw new Error(`a device that had to be refused did ${command.command}`);
  return JSON.stringify(answer);
}

async function oneGroup(
  deployment: Deployment,
  groupId: string,
  mode: (typeof MODES)[number],
  talkers: readonly Talker[],
  harvest: Harvest,
): Promise<void> {
  const [first, second, third] = talkers;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three devices are needed');
  const { groups } = deployment.operator;
  if (mode === 'push') for (const { session } of talkers) await session.must({ command: 'watch' });
  const has = async (version: number, ...holders: Talker[]) => {
    for (const { session } of holders) {
      const { delivery } =
        mode === 'pull'
          ? await session.must({ command: 'pull', group: groupId, version })
          : await session.must({ command: 'await', group: groupId, version, timeoutMs: 30_000 });
      if (delivery !== null) harvest.deliveries.push(GroupKeyDelivery.decode(Buffer.from(delivery, 'base64')));
    }
  };
  const sealed = async (sender: Talker, ...receivers: Talker[]) => {
    const plaintext = randomBytes(48);
    harvest.plaintexts.push({ what: `plaintext of ${groupId}`, bytes: plaintext });
    const data = plaintext.toString('base64');
    const { message } = await sender.session.must({ command: 'seal', group: groupId, data });
    harvest.messages.push(Buffer.from(message, 'base64'));
    for (const { session } of receivers)
      if ((await session.must({ command: 'open', message })).data !== data)
        throw new Error('a member opened something else than was sealed');
  };
  await groups.createGroup({ groupId, delivery: mode, members: [first.entity, second.entity] });
  await has(1, first, second);
  await sealed(first, second);
  await groups.addMembers(groupId, [third.entity]);
  await has(2, first, second, third);
  await sealed(third, first, second);
  await groups.removeMembers(groupId, [second.entity]);
  await has(Number(VERSIONS), first, third);
  await sealed(first, third);
  const last = harvest.messages.at(-1) ?? Buffer.alloc(0);
  const opens = (message: Buffer) => ({ command: 'open', message: message.toString('base64') }) as const;
  harvest.errors.push(
    await refusalBy(third, opens(last)),
    await refusalBy(third, opens(flipped(last))),
    await refusalBy(second, opens(last)),
    await refusalBy(second, { command: 'pull', group: groupId }),
  );
}

/** The key of every session, with whichever Group Key it was sealed under. */
function contentKeys(messages: readonly Buffer[], groupKeys: readonly Needle[]): Needle[] {
  return messages.flatMap((message, index) =>
    groupKeys.map(({ bytes }) => ({
      what: `content key of message ${index}`,
      bytes: deriveContentKey(new GroupKey(bytes), parseContentHeader(message)).expose(),
    })),
  );
}

/** Of every S, for every version of every group and every member, whether the S is that member's or not. */
function wrapKeys(secrets: readonly Needle[], entities: readonly string[]): Needle[] {
  const versions = Array.from({ length: Number(VERSIONS) }, (_, index) => BigInt(index + 1));
  const terms = MODES.flatMap((mode) =>
    versions.flatMap((version) => entities.map((entity) => ({ groupId: `group-${mode}`, version, entity }))),
  );
  const distinct = [...new Map(secrets.map((secret) => [secret.bytes.toString('hex'), secret])).values()];
  return distinct
    .filter(({ bytes }) => bytes.length === 32)
    .flatMap(({ what, bytes }) =>
      terms.map((term) => ({
        what: `wrap key of ${what}`,
        bytes: deriveWrapKey(new EntityUserKey(bytes), term).expose(),
      })),
    );
}

/** Refusals at every service, of which every word is kept. */
async function refusedCalls(deployment: Deployment, [first]: readonly Talker[]): Promise<string[]> {
  const { pki } = deployment;
  const known = first?.entity ?? '';
  const stranger = deployment.entity('pn1', 'pne', 'stranger');
  const wires = {
    smf: new Wire(deployment.address('smf', 'certificate'), tlsOf(pki.operator, pki.root)),
    cskmf: new Wire(deployment.address('cpns-server', 'certificate'), tlsOf(pki.services.smf, pki.root)),
    kmc: new Wire(deployment.address(KMC, 'certificate'), tlsOf(pki.services['cpns-server'], pki.root)),
  };
  const { smf, cskmf, kmc } = wires;
  const groupId = 'group-pull';
  const update = { groupId, joined: [known], left: [] };
  const calls = [
    () => smf.call(ServiceGroupServiceService.addMembers, { groupId, members: [stranger] }),
    () => smf.call(ServiceGroupServiceService.removeMembers, { groupId, members: [stranger] }),
    () => smf.call(ServiceGroupServiceService.getServiceGroup, { groupId: 'never-was' }),
    () => cskmf.call(GroupKeyManagementServiceService.updateGroupKey, { ...update, membershipRevision: 99n }),
    () => cskmf.call(GroupKeyManagementServiceService.getGroupKeyStatus, { groupId: 'never-was' }),
    () => kmc.call(KmcServiceService.getKeyVersion, { groupId, version: 99n }),
    () => kmc.call(KmcServiceService.createKey, { groupId, requestId: randomBytes(16) }),
    () => kmc.call(KmcServiceService.createKeyVersion, { groupId, previous: 1n, requestId: randomBytes(16) }),
  ];
  try {
    const errors: string[] = [];
    for (const call of calls) errors.push(await refusalOf(call()));
    return errors;
  } finally {
    for (const wire of Object.values(wires)) wire.close();
  }
}

/** Every word of a refusal. */
export async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Refusal) return JSON.stringify({ ...error, message: error.message, stack: error.stack });
    throw error;
  }
  throw new Error('a call that had to be refused went through');
}
