/** How the rows of a phase are tried: all of them are prepared, then refused one after another, then made good. */
import { forEach } from '@cpns/core';
import { expectationOf, refusalOf, saidBy, titled, type Exchange, type Row as AnyRow } from '@cpns/testing/bad-input';
import type { DeploymentOptions } from '@cpns/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { changesBetween, type StoreState } from '../support/store-states';
import { World } from './world';

export type Row = AnyRow<World>;

export interface Phase {
  readonly name: string;
  readonly rows: readonly Row[];
  /** A dependency is taken away, and brought back. */
  readonly begin?: (world: World) => unknown;
  readonly end?: (world: World) => unknown;
  /** The stores cannot be looked at between {@link begin} and {@link end}: only before and afterwards. */
  readonly isUnseen?: boolean;
  /** Changes that the services make by themselves once it has ended. */
  readonly brings?: RegExp;
}

/** Rows that are prepared at the same time: most of them wait for something. */
const AT_ONCE = 12;
/** A caller may need this long to find out that its dependency is back, milliseconds. */
const RECOVERY_MS = 60_000;
const POLL_MS = 100;
/** A deployment starts, or all rows of a phase are prepared, within this time. */
export const START_MS = 180_000;

class PhaseRun {
  readonly #exchanges = new Map<Row, Exchange>();
  readonly #failures = new Map<Row, unknown>();
  #state: StoreState | undefined;
  #isAway = false;

  constructor(
    private readonly world: World,
    private readonly phase: Phase,
  ) {}

  /** Sees the unaltered message of every row accepted; from here on nothing may change in any store. */
  async begin(): Promise<void> {
    const prepare = async (row: Row) => {
      try {
        const exchange = await row.prepare(this.world);
        await exchange.good();
        this.#exchanges.set(row, exchange);
      } catch (error) {
        this.#failures.set(row, error);
      }
    };
    await forEach(this.phase.rows, prepare, AT_ONCE);
    this.#state = await this.world.rest();
    if (this.phase.begin === undefined) return;
    this.#isAway = true;
    await this.phase.begin(this.world);
    if (this.phase.isUnseen !== true) this.#state = await this.world.stores.settled();
  }

  /** Brings back what was taken away. */
  async end(): Promise<void> {
    if (this.#isAway) await this.phase.end?.(this.world);
    this.#isAway = false;
  }

  /** Sends the altered message of a row. @throws what a failed expectation throws, or what its preparation threw */
  async refuse(row: Row): Promise<void> {
    const exchange = this.#exchanges.get(row);
    if (exchange === undefined) throw this.#failures.get(row);
    const refusal = await refusalOf(exchange.bad);
    const changes = this.phase.isUnseen === true ? [] : await this.#changes(row);
    expect({ said: saidBy(row, refusal), changes }).toEqual({ said: expectationOf(row), changes: [] });
    exchange.check?.(refusal);
  }

  /** Sends what the refused messages could have spent. @returns what is still refused, and what an unseen phase left */
  async makeGood(): Promise<string[]> {
    await this.end();
    const found = this.phase.isUnseen === true ? await this.#changes({ journal: this.phase.brings, at: '' }) : [];
    const until = Date.now() + (this.phase.end === undefined ? 0 : RECOVERY_MS);
    const repeat = async ([{ id }, { after }]: readonly [Row, Exchange]) => {
      for (;;)
        try {
          return void (await after?.());
        } catch (error) {
          if (Date.now() >= until) return void found.push(`${id}: ${String(error)}`);
          await sleep(POLL_MS);
        }
    };
    await forEach([...this.#exchanges], repeat, AT_ONCE);
    return found;
  }

  /** What changed in the stores since the last look, without what a row is allowed; the next is held against what is there. */
  async #changes({ journal, at }: Pick<Row, 'journal' | 'at'> = { at: '' }): Promise<string[]> {
    const before = this.#state;
    if (before === undefined) throw new Error('the phase has not begun');
    const { stores } = this.world;
    this.#state = journal === undefined && at !== '' ? await stores.look() : await stores.settled();
    // a comparison of nothing with nothing shows nothing
    expect(Object.values(this.#state.dumps).flatMap(Object.keys)).not.toEqual([]);
    return changesBetween(before, this.#state).filter((change) => journal?.test(change) !== true);
  }
}

/** The rows of a phase, refused one after another, and what they could have spent. */
export function describePhase(world: () => World, phase: Phase): void {
  describe(phase.name, () => {
    let run: PhaseRun;
    beforeAll(async () => {
      run = new PhaseRun(world(), phase);
      await run.begin();
    }, START_MS);
    afterAll(() => run.end());

    test.each(titled(phase.rows))('%s', (_title, row) => run.refuse(row));
    test('what was refused burnt nothing', async () => {
      expect(await run.makeGood()).toEqual([]);
    });
  });
}

/** Versions after the first are made and never used, so that none retires, and nothing is destroyed while rows run. */
export const NEVER_USED: DeploymentOptions = { env: { 'cpns-server': { CPNS_ACTIVATION_DELAY: '1d' } } };

/** One phase after another, in a deployment of their own. */
export function describeWorld(name: string, options: DeploymentOptions, phases: readonly Phase[]): void {
  describe(name, () => {
    let world: World;
    beforeAll(async () => {
      world = await World.start(options);
    }, START_MS);
    afterAll(() => world.stop());

    for (const phase of phases) describePhase(() => world, phase);
  });
}
