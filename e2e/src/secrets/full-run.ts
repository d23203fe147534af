/** One full run: every flow in both forms by both assigners, a pre-shared key, and calls that are refused. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { AssignmentRequest, PnGatewayServiceService } from '@cpns/contracts';
import { duration, systemRandom } from '@cpns/core';
import { parseOneTimeString } from '@cpns/key-derivation';
import { prepareAssignment } from '@cpns/pne-sdk';
import { rawDump } from '@cpns/store/testing';
import { Deployment, lookIntoStore, type DeploymentOptions } from '@cpns/testing';
import { flipped, Wire } from '@cpns/testing/bad-input';
import { CAPABILITIES } from '../support/local-device';
import { refusalOf, runGroups, type GroupRun } from './group-run';
import { complete, needlesOf, needlesOfToken, privateKeyFile, sealedStoreOf } from './needles';
import type { Haystack, Needle } from './scan';

const GATEWAY = 'pn1/gw1';

export interface FullRun {
  readonly needles: readonly Needle[];
  readonly haystacks: readonly Haystack[];
  readonly groups: GroupRun;
}

const KINDS = ['cpns-server', 'kmc', 'smf', 'pn-gw', 'pne'];

/** Files of a deployment, as far as a name passes: each with the name in it. */
const filesOf = ({ directory }: Deployment, passes: RegExp) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => passes.test(path))
    .map((path) => ({ path, where: path.slice(directory.length) }));

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

/** @param store of the Server side @throws Error when a flow did not go through */
export async function fullRun(store: NonNullable<DeploymentOptions['store']>): Promise<FullRun> {
  const collector = await collectSpans();
  const env = Object.fromEntries(KINDS.map((kind) => [kind, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint }]));
  const deployment = await Deployment.start({
    store,
    gateways: [{ pn: 'pn1', id: 'gw1' }],
    logLevel: 'trace',
    env,
  });
  try {
    const own = await runFlows(deployment);
    const groups = await runGroups(deployment, deployment.devices);
    const errors = [...(await provokeErrors(deployment)), ...groups.errors];
    const needles = complete([...own, ...groups.needles, ...(await allNeedles(deployment))]);
    return { needles, haystacks: await allHaystacks(deployment, collector.bodies, errors), groups };
  } finally {
    await deployment.stop();
    await collector.stop();
  }
}

async function runFlows(deployment: Deployment): Promise<Needle[]> {
  for (const form of ['secret', 'key-pair'] as const)
    for (const assigner of ['server', GATEWAY]) {
      const entity = deployment.entity('pn1', 'pne', `${form}-${assigner === 'server' ? 's' : 'g'}`);
      await deployment.device({ entity, form, assigner, gateway: GATEWAY });
    }
  const preSharedKey = randomBytes(32);
  const entity = deployment.entity('pn1', 'pne', 'pre-shared');
  await deployment.operator.importKey(entity, '', preSharedKey, duration(1, 'day'));
  await deployment.device({ entity, gateway: GATEWAY, preSharedKey });
  return [{ what: 'pre-shared key', bytes: preSharedKey }];
}

/** Refusals of several kinds, of which every word is kept. */
async function provokeErrors(deployment: Deployment): Promise<string[]> {
  const entity = deployment.entity('pn1', 'pne', 'refused');
  const errors: string[] = [];
  const wire = new Wire(deployment.address(GATEWAY, 'token'), { root: readFileSync(deployment.pki.root) });
  try {
    for (const assigner of ['server', GATEWAY]) {
      const { oneTimeString } = await deployment.admit({ entity, form: 'secret', assigner, gateway: GATEWAY });
      const pending = await prepareAssignment(parseOneTimeString(oneTimeString), deployment.pki.rootDer, systemRandom);
      const request = AssignmentRequest.decode(pending.request);
      const altered = [
        { ...request, mac: flipped(request.mac) },
        { ...request, nonce: Buffer.alloc(0) },
        { ...request, user: oneTimeString.slice(0, 60) },
        { ...request, tokenId: oneTimeString.slice(10, 60) },
      ];
      for (const one of altered)
        errors.push(await refusalOf(wire.call(PnGatewayServiceService.assignEntityUserKey, { request: one })));
    }
    errors.push(await refusalOf(wire.call(PnGatewayServiceService.reportCapabilities, { capabilities: CAPABILITIES })));
  } finally {
    wire.close();
  }
  return errors;
}

const sealedStores = (deployment: Deployment) =>
  [...deployment.services, ...deployment.devices.map(({ entity }) => entity)].map((name) =>
    sealedStoreOf(deployment, name),
  );

async function allNeedles(deployment: Deployment): Promise<Needle[]> {
  const { issuingCa, serverEntityCa, operator, services } = deployment.pki;
  const files = { 'issuing CA': issuingCa, 'Server entity CA': serverEntityCa, operator, ...services };
  const keys = Object.entries(files).flatMap(([name, { key }]) => privateKeyFile(name, key));
  const tokens = filesOf(deployment, /\/one-time-string$/).flatMap(({ where, path }) => needlesOfToken(where, path));
  const sealed = await Promise.all(sealedStores(deployment).map(needlesOf));
  return [...keys, ...tokens, ...sealed.flat()];
}

async function allHaystacks(
  deployment: Deployment,
  spans: readonly Buffer[],
  errors: readonly string[],
): Promise<Haystack[]> {
  // what a store says that it holds: all there is of a Redis, and besides the files of an embedded one
  const stores = sealedStores(deployment).map(async ({ name, url }) => {
    const entries = await lookIntoStore(url, rawDump);
    return { where: `store of ${name}`, bytes: Buffer.concat(entries.flatMap(({ key, value }) => [key, value])) };
  });
  return [
    ...filesOf(deployment, /\/log$|\/store\//).map(({ where, path }) => ({ where, bytes: readFileSync(path) })),
    ...(await Promise.all(stores)),
    { where: 'spans', bytes: Buffer.concat(spans) },
    { where: 'errors', bytes: Buffer.from(errors.join('\n')) },
  ];
}
