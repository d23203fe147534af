/** One full run: every flow in both forms by both assigners, a pre-shared key, and calls that are refused. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AssignmentRequest, KeyStorage, LinkSecurity, PnGatewayServiceService } from '@cpns/contracts';
import { duration, systemClock, systemRandom } from '@cpns/core';
import { parseOneTimeString } from '@cpns/key-derivation';
import { prepareAssignment } from '@cpns/pne-sdk';
import { rawDump } from '@cpns/store/testing';
import { Deployment, lookIntoStore, type DeploymentOptions } from '@cpns/testing';
import { flipped, Refusal, Wire } from '@cpns/testing/bad-input';
import { runGroups, type GroupRun } from './group-run';
import { complete, needlesOf, needlesOfToken, privateKeyFile, sealedStoreOf, type SealedStore } from './needles';
import { RawCollector } from './raw-collector';
import type { Haystack, Needle } from './scan';

const GATEWAY = 'pn1/gw1';
const CAPABILITIES = {
  linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
  keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
  softwareVersion: '1',
};

export interface FullRun {
  readonly needles: readonly Needle[];
  readonly haystacks: readonly Haystack[];
  readonly groups: GroupRun;
}

const kinds = ['cpns-server', 'kmc', 'smf', 'pn-gw', 'pne'] as const;

/** Files below a directory, as far as a name passes. */
function filesBelow(directory: string, passes: (path: string) => boolean): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) return filesBelow(path, passes);
    return passes(path) ? [path] : [];
  });
}

const isLogOrStore = (path: string): boolean => /\/log$|\/store\//.test(path);

/** @param store of the Server side @throws Error when a flow did not go through */
export async function fullRun(store: NonNullable<DeploymentOptions['store']>): Promise<FullRun> {
  const collector = await RawCollector.start();
  const env = Object.fromEntries(kinds.map((kind) => [kind, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }]));
  const deployment = await Deployment.start({
    store,
    gateways: [{ pn: 'pn1', id: 'gw1' }],
    logLevel: 'trace',
    env,
    keep: false,
  });
  try {
    const own = await runFlows(deployment);
    const groups = await runGroups(deployment, deployment.devices);
    const errors = [...(await provokeErrors(deployment)), ...groups.errors];
    const needles = complete([...own, ...groups.needles, ...(await allNeedles(deployment))]);
    return { needles, haystacks: await allHaystacks(deployment, collector, errors), groups };
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
  const notAfter = BigInt(systemClock.now() + duration(1, 'day'));
  await deployment.operator.enrolment.importEntityUserKey({ entity, user: '', entityUserKey: preSharedKey, notAfter });
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

async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Refusal) return JSON.stringify({ ...error, message: error.message, stack: error.stack });
    throw error;
  }
  throw new Error('a call that had to be refused went through');
}

const sealedStores = (deployment: Deployment): SealedStore[] =>
  [...deployment.services, ...deployment.devices.map(({ entity }) => entity)].map((name) =>
    sealedStoreOf(deployment, name),
  );

async function allNeedles(deployment: Deployment): Promise<Needle[]> {
  const { pki } = deployment;
  const files = {
    'issuing CA': pki.issuingCa,
    'Server entity CA': pki.serverEntityCa,
    operator: pki.operator,
    ...pki.services,
  };
  const keys = Object.entries(files).flatMap(([name, { key }]) => privateKeyFile(name, key));
  const tokens = filesBelow(deployment.directory, (path) => path.endsWith('/one-time-string'));
  const sealed = await Promise.all(sealedStores(deployment).map(needlesOf));
  return [
    ...keys,
    ...tokens.flatMap((file) => needlesOfToken(file.slice(deployment.directory.length), file)),
    ...sealed.flat(),
  ];
}

async function allHaystacks(
  deployment: Deployment,
  collector: RawCollector,
  errors: readonly string[],
): Promise<Haystack[]> {
  const files = filesBelow(deployment.directory, isLogOrStore);
  const stores = await Promise.all(sealedStores(deployment).map((store) => rawOf(store)));
  return [
    ...files.map((file) => ({ where: file.slice(deployment.directory.length), bytes: readFileSync(file) })),
    ...stores,
    { where: 'spans', bytes: collector.bytes },
    { where: 'errors', bytes: Buffer.from(errors.join('\n')) },
  ];
}

/** What the store says that it holds, for a Redis; for an embedded one besides its files. */
async function rawOf({ name, url }: SealedStore): Promise<Haystack> {
  const entries = await lookIntoStore(url, rawDump);
  return { where: `store of ${name}`, bytes: Buffer.concat(entries.flatMap(({ key, value }) => [key, value])) };
}
