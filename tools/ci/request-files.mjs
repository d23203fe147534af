// Which files of ours one request runs through, in all processes, by V8 coverage of that request alone; the workspace is
// built. `node tools/ci/request-files.mjs [--list]`
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ROOT } from './run-command.mjs';

const require = createRequire(join(ROOT, 'libs/testing/package.json'));
const { Deployment } = require('@cpns/testing');
const { Device, SealedDeviceStates } = require('@cpns/pne-sdk');
const { openRecords, openStore } = require('@cpns/store');
const { parseOneTimeString } = require('@cpns/key-derivation');
const { createLogger } = require('@cpns/telemetry');

const HOOK = join(ROOT, 'tools/ci/coverage-hook.cjs');
const { filesSince } = require(HOOK);
const AT_MOST = { 'an assignment by a gateway': 20, 'a removal until the device’s new key': 34, 'a device’s pull': 20 };
const SERVICES = ['cpns-server', 'kmc', 'smf', 'pn-gw'];

const out = mkdtempSync(join(tmpdir(), 'cpns-files-'));
const deployment = await Deployment.start({
  gateways: [{ pn: 'pn1', id: 'gw1' }],
  nodeOptions: Object.fromEntries(SERVICES.map((name) => [name, ['--require', HOOK]])),
  env: Object.fromEntries(SERVICES.map((name) => [name, { FILES_OUT: out }])),
});
const pids = () => deployment.services.map((name) => deployment.pid(name));
let taken = 0;

/** The files that each process ran since the last call. */
async function take() {
  taken += 1;
  for (const pid of pids()) process.kill(pid, 'SIGUSR2');
  const found = [filesSince()];
  for (const pid of pids()) {
    const file = join(out, `${pid}.json`);
    for (;;) {
      const seen = read(file);
      if (seen?.taken === taken) {
        found.push(seen.files);
        break;
      }
      await sleep(5);
    }
  }
  return new Set(found.flat().flatMap(ours));
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** What a reader follows: what services and devices do, and the rules. Below them is what every request runs on. */
const ROLES = /^(apps|libs\/(pne-sdk|key-derivation|entity-user-key|group-key|certificate-issuance))\//;

/** A file of ours by its source, without what is generated, only exports, or is of the tests. */
function ours(url) {
  if (!url.startsWith('file:')) return [];
  const path = relative(ROOT, fileURLToPath(url));
  if (!/^(apps|libs)\//.test(path) || /^libs\/testing\/|\/generated\/|\/node_modules\/|\/index\.js$/.test(path))
    return [];
  return [path.replace('/dist/', '/src/').replace(/\.js$/, '.ts')];
}

async function device(id, assigner) {
  const entity = deployment.entity('pn1', 'pne', id);
  const { oneTimeString } = await deployment.admit({ entity, form: 'secret', assigner, gateway: 'pn1/gw1' });
  const masterKeyFile = join(out, `${id}.key`);
  writeFileSync(masterKeyFile, Buffer.alloc(32, id).toString('hex'), { mode: 0o600 });
  const store = await openStore(`embedded:${join(out, id)}`);
  const records = await openRecords({ store, service: 'pne', masterKeyFile });
  const logger = createLogger({ service: 'pne', level: 'fatal', destination: { write: () => undefined } });
  return { entity, oneTimeString, device: await Device.open({ states: new SealedDeviceStates(records), logger }) };
}

const measured = {};
async function measure(name, work) {
  await sleep(1_000);
  await take();
  await work();
  measured[name] = [...(await take())].sort();
}

let failed = false;
try {
  const [one, two] = [await device('one', 'pn1/gw1'), await device('two', 'pn1/gw1')];
  // what a process does once, at the first request of its kind, is not the request's
  await one.device.assign(parseOneTimeString(one.oneTimeString));
  await one.device.register();
  await measure('an assignment by a gateway', () => two.device.assign(parseOneTimeString(two.oneTimeString)));
  await two.device.register();
  const { groups } = deployment.operator;
  for (const groupId of ['warm', 'push', 'pull'])
    await groups.createGroup({
      groupId,
      delivery: groupId === 'pull' ? 'pull' : 'push',
      members: [one.entity, two.entity],
    });
  for (const { device } of [one, two]) await device.groups.pull('warm');
  await one.device.groups.pull('pull');
  await measure('a device’s pull', () => two.device.groups.pull('pull'));
  const over = new AbortController();
  const waiting = new Map();
  const watching = one.device.groups.watch({
    signal: over.signal,
    onDelivery: ({ groupId, version }) => waiting.get(`${groupId}.${version}`)?.(),
  });
  const removal = async (groupId) => {
    const delivered = new Promise((resolve) => waiting.set(`${groupId}.2`, resolve));
    await groups.removeMembers(groupId, [two.entity]);
    await delivered;
  };
  await removal('warm');
  await measure('a removal until the device’s new key', () => removal('push'));
  over.abort();
  await watching;
  for (const [name, files] of Object.entries(measured)) {
    const roles = files.filter((file) => ROLES.test(file));
    const below = files.length - roles.length;
    console.log(`${name}: ${roles.length} files of roles and rules (${AT_MOST[name]} at most), ${below} below them`);
    if (process.argv.includes('--list')) console.log(files.map((file) => `  ${file}`).join('\n'));
    failed ||= roles.length > AT_MOST[name];
  }
} finally {
  await deployment.stop();
  rmSync(out, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
