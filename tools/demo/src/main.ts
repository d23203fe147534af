import { Command } from 'commander';
import { runDemo } from './run-demo';

const EXIT_INCOMPLETE = 1;
const EXIT_INTERRUPTED = 130;

async function main(): Promise<void> {
  const program = new Command('demo')
    .description('Starts a deployment of two Personal Networks and runs every flow, as its services report it.')
    .option('--redis <url>', 'keep the Server side in this Redis instead of the embedded store')
    .option('--out <dir>', 'also write transcript.json, summary.json and the certificates there')
    .parse();
  const { redis, out } = program.opts<{ redis?: string; out?: string }>();
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  try {
    const ok = await runDemo({
      ...(redis === undefined ? {} : { redis }),
      ...(out === undefined ? {} : { out }),
      output: process.stdout,
      signal: interrupted.signal,
    });
    process.exitCode = ok ? 0 : EXIT_INCOMPLETE;
  } catch (error) {
    process.exitCode = interrupted.signal.aborted ? EXIT_INTERRUPTED : EXIT_INCOMPLETE;
    process.stderr.write(`demo: ${interrupted.signal.aborted ? 'interrupted' : String(error)}\n`);
  }
}

void main();
