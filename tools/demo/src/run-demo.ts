import { Deployment, OtlpCollector, type CollectedSpan, type CollectedStep } from '@cpns/testbed';
import { issuedChains, runDevices, type FinishedDevice } from './devices';
import { FlowBook, type PidsOf } from './flow-book';
import { outcomeTable } from './format';
import { importOutcome, type ImportOutcome } from './imported-key';
import { makeOutputDirectory, writeCertificates, writeReports } from './output';
import { DEVICES, dueRuns, gatewayOf, gatewayUri, GATEWAYS, SERVER_URI, TRUST_DOMAIN } from './plan';
import { Screen, type Output } from './screen';

export interface DemoOptions {
  /** A Redis for the Server side; the embedded store without it. */
  readonly redis?: string;
  /** Where transcript, summary and certificates go. */
  readonly out?: string;
  readonly output: Output;
  /** Ends the demo early. */
  readonly signal: AbortSignal;
}

/** Spans that are still on their way when the last device has ended. */
const LATE_SPANS_MS = 3_000;

/** Runs everything. @returns whether every step that is due was seen, and nothing was wrong */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const screen = new Screen(options.output);
  const out = options.out === undefined ? undefined : makeOutputDirectory(options.out);
  const collector = await OtlpCollector.start();
  const book = new FlowBook(dueRuns(), SERVER_URI, process.pid);
  const shown: CollectedStep[] = [];
  collector.onSpan((span) => {
    for (const step of book.enter(span)) {
      shown.push(step);
      screen.step(step);
    }
  });
  try {
    const seen = await runDeployment(options, { screen, collector, book, out });
    const held = book.held();
    for (const step of held) screen.step(step);
    book.close(seen.pidsOf);
    return report({ screen, collector, book, out, store: storeOf(options), steps: [...shown, ...held], seen });
  } finally {
    await collector.stop();
  }
}

const storeOf = ({ redis }: DemoOptions) => (redis === undefined ? 'embedded' : 'redis');

interface Stage {
  readonly screen: Screen;
  readonly collector: OtlpCollector;
  readonly book: FlowBook;
  readonly out: string | undefined;
}

/** What is known once every process has ended. */
interface Seen {
  readonly pidsOf: PidsOf;
  readonly imported: ImportOutcome;
}

async function runDeployment({ redis, signal }: DemoOptions, { screen, collector, book, out }: Stage): Promise<Seen> {
  screen.progress(
    `CPNS Server, KMC, SMF and ${GATEWAYS.length} PN GWs start, with new certificates for ${TRUST_DOMAIN}`,
  );
  const deployment = await Deployment.start({
    store: redis === undefined ? 'embedded' : { redis },
    trustDomain: TRUST_DOMAIN,
    gateways: GATEWAYS,
    traces: collector,
    logLevel: 'warn',
  });
  const stop = () => void deployment.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    screen.progress(`healthy: ${await healthOf(deployment)}; ${DEVICES.length} devices are admitted and start`);
    const finished = await runDevices(deployment);
    screen.progress('every device has proved its Entity-User Key to its gateway');
    if (out !== undefined) await writeCertificates(out, deployment, issuedChains(finished));
    const late = () => book.complete;
    await collector.waitFor(late, LATE_SPANS_MS).catch(() => screen.progress('not every step that is due has come'));
    const pidsOf = pidsOfIdentities(deployment, finished);
    screen.progress('everything is being stopped');
    await deployment.stop();
    return { pidsOf, imported: imported(deployment, finished, collector.spans) };
  } finally {
    signal.removeEventListener('abort', stop);
    await deployment.stop();
  }
}

/** The services that say of themselves that they serve. @throws Error for one that does not */
async function healthOf(deployment: Deployment): Promise<string> {
  for (const service of deployment.services) {
    const status = await deployment.health(service);
    if (status !== 'SERVING') throw new Error(`${service} is ${status}`);
  }
  return deployment.services.join(', ');
}

function pidsOfIdentities(deployment: Deployment, finished: readonly FinishedDevice[]): PidsOf {
  const pids = new Map<string, readonly number[]>();
  for (const service of deployment.services) pids.set(deployment.uri(service), [deployment.pid(service)]);
  for (const { device } of finished) pids.set(device.entity, device.pids);
  return (identity) => pids.get(identity) ?? [];
}

function imported(
  deployment: Deployment,
  finished: readonly FinishedDevice[],
  spans: readonly CollectedSpan[],
): ImportOutcome {
  const found = finished.find(({ planned }) => planned.assignment.by === 'import');
  if (found === undefined) throw new Error('the plan imports no key');
  const { pn, id } = found.planned;
  const secrets = DEVICES.filter(
    (planned) => planned.pn === pn && planned.assignment.form === 'secret' && planned.assignment.by !== 'gateway',
  );
  return importOutcome(id, spans, {
    gatewayPid: deployment.pid(gatewayUri(gatewayOf(pn))),
    serverPid: deployment.pid('cpns-server'),
    secretsAtServer: secrets.length,
  });
}

interface Report extends Stage {
  readonly store: string;
  readonly steps: readonly CollectedStep[];
  readonly seen: Seen;
}

function report({ screen, collector, book, out, store, steps, seen: { imported } }: Report): boolean {
  const outcomes = book.outcomes();
  const faults = [...book.faults, ...collector.refused.map((why) => `spans that could not be read: ${why}`)];
  const complete = book.complete && imported.seen.length === imported.due.length;
  const ok = complete && faults.length === 0;
  screen.text(`\n${outcomeTable(outcomes, imported)}`);
  for (const fault of faults) screen.text(`wrong: ${fault}`);
  const due = outcomes.reduce((sum, { run }) => sum + run.steps.length, 0);
  const seen = outcomes.reduce((sum, outcome) => sum + outcome.seen.length, 0);
  const seconds = Number(screen.seconds.toFixed(1));
  screen.text(`${seen} of ${due} steps seen, ${faults.length} faults, ${store} store, ${seconds} s`);
  if (out !== undefined) {
    const runs = outcomes.map(({ run, seen: found, traceId }) => ({
      flow: run.flow,
      entityKind: run.kind,
      entity: run.entity,
      gateway: run.gateway,
      due: run.steps,
      seen: found,
      traceId: traceId ?? null,
    }));
    writeReports(out, steps, {
      ok,
      store,
      seconds,
      stepsDue: due,
      stepsSeen: seen,
      runs,
      preSharedKey: imported,
      faults,
    });
    screen.text(`written to ${out}`);
  }
  return ok;
}
