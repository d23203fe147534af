/** One full run: every flow in both forms by both assigners, a pre-shared key, groups, and calls that are refused. */
import { createPrivateKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  AssignmentRequest,
  GroupKeyManagementServiceService,
  KmcServiceService,
  PnGatewayServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import { duration, systemRandom } from '@cpns/core';
import { parseEnvelope } from '@cpns/group-key';
import { parseOneTimeString } from '@cpns/key-derivation';
import { prepareAssignment } from '@cpns/pne-sdk';
import { rawDump } from '@cpns/store/testing';
import { Deployment, lookIntoStore, type DeploymentOptions, CAPABILITIES } from '@cpns/testing';
import { flipped, refusalOf, tlsOf, Wire } from '@cpns/testing/bad-input';
import { GROUPS, Harvest, useGroup, VERSIONS } from './group-run';
import { complete, contentKeys, distinct, sealedStores, storedNeedles, wrapKeys } from './needles';
import type { Haystack, Needle } from './scan';

const GATEWAY = 'pn1/gw1';
const KINDS = ['cpns-server', 'kmc', 'smf', 'pn-gw', 'pne'];

/** Data goes from member to member; no service of the deployment ever has it. */
const NO_PLACE = /^$/;
/** A gateway holds the envelopes of the members behind it. */
const GATEWAY_STORE = /^store of pn1\/gw1$|^\/pn1-gw1\/store\//;

export type FullRun = Awaited<ReturnType<typeof fullRun>>;

/** Files of a deployment, as far as a name passes: each with the name in it. */
const filesOf = ({ directory }: Deployment, passes: RegExp) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => passes.test(path))
    .map((path) => ({ where: path.slice(directory.length), bytes: readFileSync(path) }));

/** Keeps every byte that processes export as spans, understood or not. */
async function collectSpans() {
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => bodies.push(chunk));
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    server.close().closeAllConnections();
    await once(server, 'close');
  };
  return { bodies, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

/**
 * @param store of the Server side
 * @returns secrets, where they are looked for, what may be seen in its places, and how many Group Keys were made
 * @throws Error when a flow did not go through
 */
export async function fullRun(store: NonNullable<DeploymentOptions['store']>) {
  const collector = await collectSpans();
  const env = Object.fromEntries(KINDS.map((kind) => [kind, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint }]));
  const gateways = [{ pn: 'pn1', id: 'gw1' }];
  const deployment = await Deployment.start({ store, gateways, logLevel: 'trace', env });
  try {
    const preShared = await runFlows(deployment);
    const talkers = await Promise.all(
      deployment.devices.map(async (device) => ({ entity: device.entity, session: await device.open() })),
    );
    const harvest = new Harvest();
    for (const delivery of ['pull', 'push'] as const) await useGroup(deployment, delivery, talkers, harvest);
    harvest.errors.push(...(await provokeErrors(deployment)));
    // versions of Group Keys that are destroyed at the end are still there
    const stored = await storedNeedles(deployment);
    await deployment.operator.groups.deleteGroup(GROUPS.pull);
    for (const { session } of talkers) await session.stop();
    const all = complete([preShared, ...filed(deployment), ...stored, ...(await storedNeedles(deployment))]);
    const groupKeys = distinct(stored.filter(({ what }) => what.includes(': groupKey of ')));
    const secrets = distinct(stored.filter(({ what }) => what.includes(': secret of ')));
    const terms = Object.values(GROUPS).flatMap((groupId) =>
      VERSIONS.flatMap((version) => talkers.map(({ entity }) => ({ groupId, version, entity }))),
    );
    const { messages, plaintexts } = harvest;
    const needles = distinct([...all, ...plaintexts, ...contentKeys(messages, groupKeys), ...wrapKeys(secrets, terms)]);
    const haystacks = [
      ...(await written(deployment)),
      { where: 'spans', bytes: Buffer.concat(collector.bodies) },
      { where: 'errors', bytes: Buffer.from(harvest.errors.join('\n')) },
    ];
    return { needles, haystacks, traces: tracesOf(harvest), versions: groupKeys.length };
  } finally {
    await deployment.stop();
    await collector.stop();
  }
}

const tracesOf = ({ messages, deliveries }: Harvest): Needle[] => [
  ...messages.map((bytes, index) => ({ what: `sealed message ${index}`, bytes, belongs: NO_PLACE })),
  ...deliveries.map(({ own }, index) => ({
    what: `envelope ${index}`,
    bytes: parseEnvelope(own).wrap,
    belongs: GATEWAY_STORE,
  })),
];

/** @returns the pre-shared key */
async function runFlows(deployment: Deployment): Promise<Needle> {
  for (const form of ['secret', 'key-pair'] as const)
    for (const assigner of ['server', GATEWAY]) {
      const entity = deployment.entity('pn1', 'pne', `${form}-${assigner === 'server' ? 's' : 'g'}`);
      await deployment.device({ entity, form, assigner, gateway: GATEWAY });
    }
  const preSharedKey = randomBytes(32);
  const entity = deployment.entity('pn1', 'pne', 'pre-shared');
  await deployment.operator.importKey(entity, '', preSharedKey, duration(1, 'day'));
  await deployment.device({ entity, gateway: GATEWAY, preSharedKey });
  return { what: 'pre-shared key', bytes: preSharedKey };
}

/** Assignments that the gateway refuses, of an entity for each assigner. */
async function alteredAssignments(deployment: Deployment): Promise<AssignmentRequest[]> {
  const altered: AssignmentRequest[] = [];
  for (const assigner of ['server', GATEWAY]) {
    const entity = deployment.entity('pn1', 'pne', `refused-${altered.length}`);
    const { oneTimeString } = await deployment.admit({ entity, form: 'secret', assigner, gateway: GATEWAY });
    const pending = await prepareAssignment(parseOneTimeString(oneTimeString), deployment.pki.rootDer, systemRandom);
    const request = AssignmentRequest.decode(pending.request);
    altered.push(
      { ...request, mac: flipped(request.mac) },
      { ...request, nonce: Buffer.alloc(0) },
      { ...request, user: oneTimeString.slice(0, 60) },
      { ...request, tokenId: oneTimeString.slice(10, 60) },
    );
  }
  return altered;
}

/** Refusals of several kinds at every service, of which every word is kept. */
async function provokeErrors(deployment: Deployment): Promise<string[]> {
  const { operator, root, services } = deployment.pki;
  const wires = {
    gateway: new Wire(deployment.address(GATEWAY, 'token'), { root: readFileSync(root) }),
    smf: new Wire(deployment.address('smf', 'certificate'), tlsOf(operator, root)),
    cskmf: new Wire(deployment.address('cpns-server', 'certificate'), tlsOf(services.smf, root)),
    kmc: new Wire(deployment.address('kmc', 'certificate'), tlsOf(services['cpns-server'], root)),
  };
  const { gateway, smf, cskmf, kmc } = wires;
  const groupId = GROUPS.pull;
  const members = [deployment.entity('pn1', 'pne', 'stranger')];
  const update = {
    groupId,
    joined: [deployment.devices[0]!.entity],
    left: [],
    membershipRevision: 99n,
    emergency: false,
  };
  const requestId = randomBytes(16);
  const calls = [
    ...(await alteredAssignments(deployment)).map(
      (request) => () => gateway.call(PnGatewayServiceService.assignEntityUserKey, { request }),
    ),
    () => gateway.call(PnGatewayServiceService.reportCapabilities, { capabilities: CAPABILITIES }),
    () => smf.call(ServiceGroupServiceService.addMembers, { groupId, members }),
    () => smf.call(ServiceGroupServiceService.removeMembers, { groupId, members }),
    () => smf.call(ServiceGroupServiceService.getServiceGroup, { groupId: 'never-was' }),
    () => cskmf.call(GroupKeyManagementServiceService.updateGroupKey, update),
    () =>
      cskmf.call(GroupKeyManagementServiceService.getGroupKeyStatus, {
        groupId: 'never-was',
        entity: '',
        withRecipients: false,
      }),
    () => kmc.call(KmcServiceService.getKeyVersion, { groupId, version: 99n }),
    () => kmc.call(KmcServiceService.createKey, { groupId, requestId }),
    () => kmc.call(KmcServiceService.createKeyVersion, { groupId, previous: 1n, requestId }),
  ];
  const errors: string[] = [];
  try {
    for (const call of calls) {
      const refusal = await refusalOf(call);
      errors.push(JSON.stringify({ ...refusal, message: refusal.message, stack: refusal.stack }));
    }
    return errors;
  } finally {
    for (const wire of Object.values(wires)) wire.close();
  }
}

/** The secrets in files: private keys, and every T. */
function filed(deployment: Deployment): Needle[] {
  const { issuingCa, serverEntityCa, operator, services } = deployment.pki;
  const files = { 'issuing CA': issuingCa, 'Server entity CA': serverEntityCa, operator, ...services };
  const keys = Object.entries(files).map(([what, { key }]) => ({
    what,
    bytes: createPrivateKey(readFileSync(key)).export({ format: 'der', type: 'pkcs8' }),
  }));
  const tokens = filesOf(deployment, /\/one-time-string$/).map(({ where, bytes }) => ({
    what: `${where}: T`,
    bytes: parseOneTimeString(bytes.toString('utf8').trim()).secret.expose(),
  }));
  return [...keys, ...tokens];
}

/** Logs and stores; what a store says that it holds is all there is of a Redis, and besides the files of an embedded one. */
async function written(deployment: Deployment): Promise<Haystack[]> {
  const stores = sealedStores(deployment).map(async ({ name, url }) => {
    const entries = await lookIntoStore(url, rawDump);
    return { where: `store of ${name}`, bytes: Buffer.concat(entries.flatMap(({ key, value }) => [key, value])) };
  });
  return [...filesOf(deployment, /\/log$|\/store\//), ...(await Promise.all(stores))];
}
