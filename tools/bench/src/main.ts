/** `npm run bench`: what the project costs beside the least that it could cost, in one run on one machine. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import Table from 'cli-table3';
import { findRedis } from './bench-redis';
import { benchCalls } from './calls';
import type { Comparison } from './compare';
import { benchDeviceCalls } from './device-calls';
import { benchFanOut } from './fan-out';
import { withGroupScene, type SceneOptions } from './group-scene';
import { compareIsolated } from './isolated';
import { benchPulls } from './pulls';
import { benchRevocations } from './revocations';
import { benchRotations } from './rotations';
import { benchSnapshot } from './snapshot';

const say = (text: string) => process.stdout.write(`${text}\n`);
const ROOT = join(__dirname, '..', '..', '..');

function versionOf(dependency: string): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'node_modules', dependency, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}

const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
  node: process.version,
  openssl: process.versions.openssl,
  grpcJs: versionOf('@grpc/grpc-js'),
  lmdb: versionOf('lmdb'),
});

const rounded = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1));

function tableOf(results: readonly Comparison[]): string {
  const table = new Table({
    head: ['what', 'unit', 'ours', 'baseline', 'ratio', 'at least', 'CPU of one of ours, ms'],
    style: { head: [], border: [] },
  });
  for (const { name, unit, ours, baseline, ratio, target, cpu = {} } of results) {
    const promised = target === undefined ? '' : `${target.toFixed(2)} ${ratio >= target ? '(met)' : '(missed)'}`;
    const used = Object.entries(cpu).map(([process, ms]) => `${process} ${ms.toFixed(2)}`);
    table.push([name, unit, rounded(ours), rounded(baseline), ratio.toFixed(2), promised, used.join(', ')]);
  }
  return table.toString();
}

/** What may be measured alone. */
const PARTS = [
  'issuance',
  'derivation',
  'envelopes',
  'content',
  'calls',
  'groups',
  'snapshot',
  'revocations',
  'rotations',
] as const;
type Part = (typeof PARTS)[number];

interface Flags {
  readonly out: string;
  readonly redis?: string;
  readonly only: readonly Part[];
  readonly rounds: string;
  readonly groups: string;
}

const NO_REDIS =
  'NOT measured on Redis: there is no redis-server on the path, and neither --redis nor REDIS_URL names one';

const flagsOf = (): Flags =>
  new Command('bench')
    .option('--out <file>', 'where the figures go as JSON', join(ROOT, 'out', 'bench.json'))
    .option('--redis <url>', 'the Redis to use; REDIS_URL, else a redis-server of its own, without it')
    .option('--rounds <n>', 'rounds of each figure of Group Keys over the network', '31')
    .option('--groups <n>', 'how many groups are due at a time', '10000')
    .addOption(new Option('--only <part...>', 'measure these parts alone').choices(PARTS).default(PARTS))
    .parse()
    .opts();

type Step = (what: string, work: () => readonly Comparison[] | Promise<readonly Comparison[]>) => Promise<void>;

/** Everything about Group Keys that is measured on running services, on one store. */
const benchGroups = (options: SceneOptions): Promise<Comparison[]> =>
  withGroupScene(options, async (scene) => {
    options.onProgress(`${options.storeName}: pulls, calls of devices, and pushes to all gateways`);
    return [...(await benchPulls(scene)), ...(await benchDeviceCalls(scene)), await benchFanOut(scene)];
  });

/** @returns false where the half on Redis had to be left out */
async function groupsOnBothStores(step: Step, rounds: number, named: string | undefined): Promise<boolean> {
  const common = { rounds, onProgress: (text: string) => say(`  ${text}`) };
  await step('group keys', () => benchGroups({ storeName: 'embedded', store: 'embedded', ...common }));
  const redis = await findRedis(named);
  if (redis === undefined) return false;
  try {
    await step('group keys on Redis', () =>
      benchGroups({ storeName: 'Redis', store: { redis: redis.url }, ...common }),
    );
  } finally {
    await redis.stop();
  }
  return true;
}

async function main(): Promise<void> {
  const { out, redis, only, rounds, groups } = flagsOf();
  const facts = machine();
  say(`machine: ${facts.cores} x ${facts.cpu}, ${facts.memoryGiB} GiB, Linux ${facts.kernel}`);
  say(`versions: node ${facts.node}, OpenSSL ${facts.openssl}, grpc-js ${facts.grpcJs}, lmdb ${facts.lmdb}`);
  const results: Comparison[] = [];
  const step: Step = async (what, work) => {
    say(`measuring ${what} ...`);
    results.push(...(await work()));
  };
  for (const part of ['issuance', 'derivation', 'envelopes', 'content'] as const)
    if (only.includes(part)) await step(part, () => [compareIsolated(part)]);
  const store = redis === undefined ? ('embedded' as const) : { redis };
  if (only.includes('calls')) await step('calls', () => benchCalls({ store, onProgress: (text) => say(`  ${text}`) }));
  const storeName = redis === undefined ? 'embedded' : 'Redis';
  const once = { storeName, store, rounds: 1, onProgress: (text: string) => say(`  ${text}`) };
  if (only.includes('snapshot')) await step('a snapshot', () => benchSnapshot(once));
  if (only.includes('revocations')) await step('revocations', () => withGroupScene(once, benchRevocations));
  if (only.includes('rotations'))
    await step('rotations by time', () => withGroupScene(once, (scene) => benchRotations(scene, Number(groups))));
  const complete = !only.includes('groups') || (await groupsOnBothStores(step, Number(rounds), redis));
  say(tableOf(results));
  if (!complete) say(NO_REDIS);
  const file = resolve(out);
  mkdirSync(dirname(file), { recursive: true });
  const notes = complete ? [] : [NO_REDIS];
  writeFileSync(
    file,
    `${JSON.stringify({ at: new Date().toISOString(), machine: facts, results, notes }, undefined, 2)}\n`,
  );
  say(`figures: ${file}`);
  // the rest holds, but it is not the whole of what was asked for
  if (!complete) process.exitCode = 1;
}

void main();
