/** `npm run bench`: what the project costs beside the least that it could cost, in one run on one machine. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import Table from 'cli-table3';
import { benchCalls } from './calls';
import type { Comparison } from './compare';
import { compareIsolated } from './isolated';

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
    head: ['what', 'unit', 'ours', 'baseline', 'ratio', 'at least'],
    style: { head: [], border: [] },
  });
  for (const { name, unit, ours, baseline, ratio, target } of results) {
    const promised = target === undefined ? '' : `${target.toFixed(2)} ${ratio >= target ? '(met)' : '(missed)'}`;
    table.push([name, unit, rounded(ours), rounded(baseline), ratio.toFixed(2), promised]);
  }
  return table.toString();
}

async function main(): Promise<void> {
  const program = new Command('bench')
    .option('--out <file>', 'where the figures go as JSON', join(ROOT, 'out', 'bench.json'))
    .option('--redis <url>', 'Redis for the Server side of the calls; embedded without it');
  const { out, redis } = program.parse().opts<{ out: string; redis?: string }>();
  const facts = machine();
  say(`machine: ${facts.cores} x ${facts.cpu}, ${facts.memoryGiB} GiB, Linux ${facts.kernel}`);
  say(`versions: node ${facts.node}, OpenSSL ${facts.openssl}, grpc-js ${facts.grpcJs}, lmdb ${facts.lmdb}`);
  const results: Comparison[] = [];
  const step = async (what: string, work: () => readonly Comparison[] | Promise<readonly Comparison[]>) => {
    say(`measuring ${what} ...`);
    results.push(...(await work()));
  };
  await step('issuance', () => [compareIsolated('issuance')]);
  await step('derivation', () => [compareIsolated('derivation')]);
  const store = redis === undefined ? ('embedded' as const) : { redis };
  await step('calls', () => benchCalls({ store, onProgress: (text) => say(`  ${text}`) }));
  say(tableOf(results));
  const file = resolve(out);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), machine: facts, results }, undefined, 2)}\n`);
  say(`figures: ${file}`);
}

void main();
