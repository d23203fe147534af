import { Command, Option } from 'commander';
import { INSIDE, runInContainer } from './container';
import { runDemo } from './run-demo';

const EXIT_INCOMPLETE = 1;
const EXIT_INTERRUPTED = 130;

interface Flags {
  readonly redis?: string;
  readonly against?: 'compose';
  readonly out?: string;
}

/** Runs the demo here. @returns its exit code */
async function runHere({ redis, against, out }: Flags): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  try {
    const ok = await runDemo({
      ...(redis === undefined ? {} : { redis }),
      ...(out === undefined ? {} : { out }),
      ...(against === undefined ? {} : { compose: endpointOfTraces() }),
      output: process.stdout,
      signal: interrupted.signal,
    });
    return ok ? 0 : EXIT_INCOMPLETE;
  } catch (error) {
    process.stderr.write(`demo: ${interrupted.signal.aborted ? 'interrupted' : String(error)}\n`);
    return interrupted.signal.aborted ? EXIT_INTERRUPTED : EXIT_INCOMPLETE;
  }
}

/** Where every container reports its spans, and the demo reads them. */
function endpointOfTraces(): string {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = '' } = process.env;
  if (endpoint === '')
    throw new Error('OTEL_EXPORTER_OTLP_ENDPOINT does not say where the deployment reports its spans');
  return endpoint;
}

async function main(): Promise<void> {
  const flags = new Command('demo')
    .description('Runs every flow in a deployment of two Personal Networks, as its services report it.')
    .addOption(
      new Option('--redis <url>', 'keep the Server side in this Redis instead of the embedded store').conflicts(
        'against',
      ),
    )
    .addOption(
      new Option(
        '--against <deployment>',
        'the deployment of docker-compose.yml, which runs, instead of one of its own',
      )
        .choices(['compose'])
        .conflicts('redis'),
    )
    .option('--out <dir>', 'also write transcript.json, summary.json and the certificates there')
    .parse()
    .opts<Flags>();
  const { against, out } = flags;
  const isOutside = against === 'compose' && process.env[INSIDE.variable] !== INSIDE.value;
  process.exitCode = isOutside ? await runInContainer(out) : await runHere(flags);
}

void main();
