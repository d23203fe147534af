/** How the rows of the table are run: all of a phase are prepared, then refused one after another, then made good. */
import { setTimeout as sleep } from 'node:timers/promises';
import { sizeOf, type StoreState } from '../support/store-states';
import { expectationOf, refusalOf, saidBy, type Exchange } from '@cpns/testing/bad-input';
import { prepare, TraceError, tryAltered, type Outcome, type Row } from './row';
import type { World } from './world';

export interface Phase {
  readonly name: string;
  readonly rows: readonly Row[];
  /** What was accepted goes on by itself for a while: it has to be over before the first look. */
  readonly comesToRest?: boolean;
}

/** Rows that are prepared at the same time: most of them wait for something. */
const PREPARED_AT_ONCE = 12;

/** How long somebody whose dependency is back may need to find that out, milliseconds. */
export const RECOVERY_MS = 10_000;
const POLL_MS = 100;

type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** Runs a task for each, a few at a time; what one throws is its own result. */
async function each<T, R>(
  items: readonly T[],
  atOnce: number,
  task: (item: T) => Promise<R>,
): Promise<Map<T, Settled<R>>> {
  const results = new Map<T, Settled<R>>();
  const waiting = [...items];
  const work = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      try {
        results.set(item, { value: await task(item) });
      } catch (error) {
        results.set(item, { error });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}

function resultFor<T, R>(results: ReadonlyMap<T, Settled<R>>, item: T): R {
  const found = results.get(item);
  if (found === undefined) throw new Error('nothing was done for this row');
  if ('error' in found) throw found.error;
  return found.value;
}

/** Holds what a refusal said against what the row expects. */
function judge(row: Row, { refusal, compared }: Outcome): void {
  expect(saidBy(row, refusal)).toBe(expectationOf(row));
  expect(compared).toBeGreaterThan(0);
}

export class PhaseRun {
  #exchanges = new Map<Row, Settled<Exchange>>();
  #state: StoreState | undefined;

  constructor(
    private readonly world: World,
    private readonly phase: Phase,
  ) {}

  /** Arranges every row and sees its unaltered message accepted. */
  async prepare(): Promise<void> {
    this.#exchanges = await each(this.phase.rows, PREPARED_AT_ONCE, (row) => prepare(this.world, row));
  }

  /** From here on nothing may change in any store. */
  async begin(): Promise<void> {
    const sound = [...this.#exchanges.values()].flatMap((result) => ('value' in result ? [result.value] : []));
    await each(sound, PREPARED_AT_ONCE, (exchange) => exchange.prelude());
    this.#state = await (this.phase.comesToRest === true ? this.world.rest() : this.world.stores.settled());
  }

  /** Sends the altered message of a row. @throws what a failed expectation throws, TraceError */
  async refuse(row: Row): Promise<Outcome> {
    const exchange = resultFor(this.#exchanges, row);
    const outcome = await this.altered(row, exchange);
    judge(row, outcome);
    exchange.check(outcome.refusal);
    return outcome;
  }

  private async altered(row: Row, exchange: Exchange): Promise<Outcome> {
    if (this.#state === undefined) throw new Error('the phase has not begun');
    try {
      const { outcome, after } = await tryAltered(this.world.stores, row, exchange, this.#state);
      this.#state = after;
      return outcome;
    } catch (error) {
      // the next row is measured against what is there now
      if (error instanceof TraceError) this.#state = error.after;
      throw error;
    }
  }

  /** The altered message of a row whose stores cannot all be looked at: {@link before} is that of the whole outage. */
  async refuseUnseen(row: Row): Promise<Outcome> {
    const exchange = resultFor(this.#exchanges, row);
    const outcome = { row, refusal: await refusalOf(exchange.bad), compared: sizeOf(this.before) };
    judge(row, outcome);
    exchange.check(outcome.refusal);
    return outcome;
  }

  /** The stores when the phase began. */
  get before(): StoreState {
    if (this.#state === undefined) throw new Error('the phase has not begun');
    return this.#state;
  }

  /**
   * Sends what the refused messages could have spent.
   * @param patience milliseconds in which whoever stood alone may find out that its dependency is back
   * @returns the rows for which it is refused, and how
   */
  async makeGood(patience = 0): Promise<string[]> {
    const rows = this.phase.rows.filter((row) => 'value' in (this.#exchanges.get(row) ?? {}));
    const results = await each(rows, PREPARED_AT_ONCE, (row) =>
      untilAccepted(resultFor(this.#exchanges, row), patience),
    );
    return [...results].flatMap(([row, result]) => ('error' in result ? [`${row.id}: ${String(result.error)}`] : []));
  }
}

async function untilAccepted(exchange: Exchange, patience: number): Promise<void> {
  const until = Date.now() + patience;
  for (;;) {
    try {
      await exchange.after();
      return;
    } catch (error) {
      if (Date.now() >= until) throw error;
    }
    await sleep(POLL_MS);
  }
}
