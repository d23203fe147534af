import { OtlpCollector, waitUntil, type CollectedSpan, type CollectedStep } from '@cpns/testing';
import { openComposeHouse } from './compose-house';
import { issuedChains, openDevices, type RunningDevice } from './devices';
import { FlowBook } from './flow-book';
import { outcomeTable, trialTable } from './format';
import { GroupStory, type Stage } from './group-story';
import type { House } from './house';
import { importOutcome, type ImportOutcome } from './imported-key';
import { makeOutputDirectory, writeCertificates, writeReports } from './output';
import { GATEWAYS, gatewayUri, makePlan, SERVICES, type Plan } from './plan';
import { groupRuns, keyRuns, provisioningRuns } from './runs';
import { Screen, type Output } from './screen';
import { startTestbedHouse } from './testbed-house';
import { isAsDue, type Trial } from './trials';

export interface DemoOptions {
  /** A Redis for the Server side of the demo's own deployment; the embedded store without it. */
  readonly redis?: string;
  /** The endpoint that a running deployment reports its spans to; the demo's own deployment without it. */
  readonly compose?: string;
  /** Where transcript, summary and certificates go. */
  readonly out?: string;
  readonly output: Output;
  /** Ends the demo early. */
  readonly signal: AbortSignal;
}

/** How long to wait for spans that are still on their way, milliseconds. */
const LATE_SPANS_MS = 5_000;

/** Runs everything. @returns whether every step that is due was seen, every try ended as is due, and nothing was wrong */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const screen = new Screen(options.output);
  const out = options.out === undefined ? undefined : makeOutputDirectory(options.out);
  const { compose } = options;
  const collector = compose === undefined ? await OtlpCollector.start() : await OtlpCollector.follow(compose);
  try {
    screen.progress(
      compose === undefined
        ? `CPNS Server, KMC, SMF and ${GATEWAYS.length} PN GWs start, with new certificates`
        : 'the deployment runs already',
    );
    const house =
      compose === undefined ? await startTestbedHouse(collector, options.redis) : await openComposeHouse(compose);
    return await new Demo(house, screen, collector, out).run(options.signal);
  } finally {
    await collector.stop();
  }
}

class Demo {
  readonly #plan: Plan;
  readonly #book: FlowBook;
  readonly #shown: CollectedStep[] = [];
  readonly #trials: Trial[] = [];

  constructor(
    private readonly house: House,
    private readonly screen: Screen,
    private readonly collector: OtlpCollector,
    private readonly out: string | undefined,
  ) {
    this.#plan = makePlan(house.suffix);
    const due = [...(house.isNew ? provisioningRuns() : []), ...keyRuns(this.#plan), ...groupRuns(this.#plan)];
    this.#book = new FlowBook(due, {
      services: SERVICES,
      isOwn: (span) => house.isOwn(span),
      isAlone: house.isNew,
    });
    for (const span of collector.spans) this.#enter(span);
    collector.on('span', (span) => this.#enter(span));
  }

  async run(signal: AbortSignal): Promise<boolean> {
    const { house, screen, collector } = this;
    const stop = () => void house.stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      await this.#tell();
      screen.progress('everything is being stopped');
    } finally {
      signal.removeEventListener('abort', stop);
      await house.stop();
      await collector.stop();
    }
    for (const step of this.#book.held()) this.#show(step);
    this.#book.close(house.reportedBy);
    return this.#report();
  }

  async #tell(): Promise<void> {
    const { house, screen, out } = this;
    screen.progress(`healthy: ${await house.health()}; ${this.#plan.devices.length} devices are admitted and start`);
    const devices = await openDevices(house, this.#plan);
    screen.progress('every device has proved its Entity-User Key to its gateway');
    if (out !== undefined) await writeCertificates(out, (uri) => house.gatewayAddress(uri), issuedChains(devices));
    await this.#seen(undefined);
    await Promise.all(devices.map(({ session }) => session.must({ command: 'watch' })));
    for (const group of this.#plan.groups)
      this.#trials.push(...(await new GroupStory(this.#stage(devices), group).tell()));
  }

  #stage(devices: readonly RunningDevice[]): Stage {
    const { house, screen } = this;
    const sessions = new Map(devices.map(({ planned, session }) => [planned, session]));
    return {
      house,
      sessionOf: (planned) => {
        const session = sessions.get(planned);
        if (session === undefined) throw new RangeError(`${planned.id} does not run`);
        return session;
      },
      begin: (scene) => this.#book.begin(scene),
      seen: (scene) => this.#seen(scene),
      progress: (sentence) => screen.progress(sentence),
      tried: (trial) => screen.trial(trial),
    };
  }

  /** Waits for the steps that are due in a scene, or, without one, at the start. */
  async #seen(scene: string | undefined): Promise<void> {
    const came = () => this.#book.sceneIsComplete(scene);
    await waitUntil('the steps', came, { withinMs: LATE_SPANS_MS }).catch(() =>
      this.screen.progress(`not every step that is due has come${scene === undefined ? '' : `: ${scene}`}`),
    );
  }

  #enter(span: CollectedSpan): void {
    for (const step of this.#book.enter(span)) this.#show(step);
  }

  #show(step: CollectedStep): void {
    this.#shown.push(step);
    this.screen.step(step);
  }

  #imported(): ImportOutcome {
    const { devices } = this.#plan;
    const found = devices.find(({ assignment }) => assignment.by === 'import');
    if (found === undefined) throw new Error('the plan imports no key');
    const { reportedBy } = this.house;
    const gateways = GATEWAYS.map(gatewayUri);
    return importOutcome(found.id, this.collector.spans, {
      byGateway: (span) => gateways.some((uri) => reportedBy(uri, span)),
      byServer: (span) => reportedBy(SERVICES.server, span),
      secretsAtServer: devices.filter(({ assignment: { form, by } }) => form === 'secret' && by !== 'gateway').length,
    });
  }

  #report(): boolean {
    const { screen, house, collector, out } = this;
    const imported = this.#imported();
    const outcomes = this.#book.outcomes();
    const trials = this.#trials;
    const failed = trials.filter((trial) => !isAsDue(trial)).length;
    const faults = [...this.#book.faults, ...collector.refused.map((why) => `spans that could not be read: ${why}`)];
    const complete = this.#book.complete && imported.seen.length === imported.due.length;
    const ok = complete && failed === 0 && faults.length === 0;
    screen.text(`\n${outcomeTable(outcomes, imported)}\n${trialTable(trials)}`);
    for (const fault of faults) screen.text(`wrong: ${fault}`);
    const due = outcomes.reduce((sum, { run }) => sum + run.steps.length, 0);
    const seen = outcomes.reduce((sum, outcome) => sum + outcome.seen.length, 0);
    const seconds = Number(screen.seconds.toFixed(1));
    const { store } = house;
    screen.text(
      `${seen} of ${due} steps seen, ${trials.length - failed} of ${trials.length} tries as due, ${faults.length} faults, ${store} store, ${seconds} s`,
    );
    if (out !== undefined) {
      const summary = {
        ok,
        store,
        seconds,
        stepsDue: due,
        stepsSeen: seen,
        outcomes,
        preSharedKey: imported,
        trials,
        faults,
      };
      writeReports(out, this.#shown, summary);
      screen.text(`written to ${out}`);
    }
    return ok;
  }
}
