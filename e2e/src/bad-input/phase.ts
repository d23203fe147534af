/** How the rows of the table are run: in phases, of which some go through a dependency that is taken away. */
import { setTimeout as sleep } from 'node:timers/promises';
import { sizeOf, type StoreState, type StoreWatch } from '../support/store-states';
import { prepare, refusalOf, tryAltered, type Exchange, type Outcome, type Row } from './row';
import type { World } from './world';

export interface Phase {
  readonly name: string;
  readonly rows: readonly Row[];
}

/** Rows whose unaltered messages are sent at the same time: most of them wait for something. */
const AT_ONCE = 12;

/** What preparing a row came to, to be thrown where the row is tested. */
export type Prepared = { readonly exchange: Exchange } | { readonly error: unknown };

/** Arranges every row of a phase and sends its unaltered message. */
export async function prepareAll(world: World, rows: readonly Row[]): Promise<Map<Row, Prepared>> {
  const prepared = new Map<Row, Prepared>();
  const waiting = [...rows];
  const work = async () => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift())
      prepared.set(
        row,
        await prepare(world, row).then(
          (exchange) => ({ exchange }),
          (error: unknown) => ({ error }),
        ),
      );
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return prepared;
}

/** @throws what the preparation of the row threw */
export function exchangeOf(prepared: ReadonlyMap<Row, Prepared>, row: Row): Exchange {
  const found = prepared.get(row);
  if (found === undefined) throw new Error(`${row.id} was not prepared`);
  if ('error' in found) throw found.error;
  return found.exchange;
}

/** Holds what a refusal said against what the row expects. */
function judge({ expect: { code, reason, field } }: Row, { refusal }: Outcome): void {
  const said = {
    code: refusal.code,
    reason: refusal.reason,
    ...(field !== undefined && { field: refusal.metadata.field }),
  };
  expect(said).toEqual({ code, reason, ...(field !== undefined && { field }) });
}

/** The altered half of a row, held against what it expects. */
export async function refuse(stores: StoreWatch, row: Row, exchange: Exchange): Promise<Outcome> {
  const outcome = await tryAltered(stores, row, exchange);
  judge(row, outcome);
  exchange.check(outcome.refusal);
  expect(outcome.compared).toBeGreaterThan(0);
  return outcome;
}

/** How long somebody whose dependency is back may need to find that out, milliseconds. */
const RECOVERY_MS = 10_000;
const POLL_MS = 100;

/** Sends what was refused, until whoever was alone finds its dependency again. */
export async function recovers(exchange: Exchange): Promise<void> {
  const until = Date.now() + RECOVERY_MS;
  for (;;) {
    const done = await exchange.after().then(
      () => true,
      (error: unknown) => {
        if (Date.now() > until) throw error;
        return false;
      },
    );
    if (done) return;
    await sleep(POLL_MS);
  }
}

/** A row whose stores cannot all be looked at while the dependency is away: before and after are those of the whole outage. */
export async function refuseInOutage(row: Row, exchange: Exchange, before: StoreState): Promise<Outcome> {
  const refusal = await refusalOf(exchange.bad);
  const outcome = { row, refusal, compared: sizeOf(before) };
  judge(row, outcome);
  exchange.check(refusal);
  return outcome;
}
