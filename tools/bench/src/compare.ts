/** Two sides, interleaved in one run: the machine's drift meets both alike. */

/** One side of a comparison: does a batch of `count` operations. */
export type Side = (count: number) => Promise<void> | void;

export interface Comparison {
  readonly name: string;
  readonly unit: string;
  /** Operations of a second, median over the rounds. */
  readonly ours: number;
  readonly baseline: number;
  /** ours / baseline of each round, its median. */
  readonly ratio: number;
  /** What the ratio should be at least, where something was promised. */
  readonly target?: number;
}

export interface Plan {
  readonly name: string;
  readonly unit: string;
  readonly batch: number;
  readonly rounds: number;
  readonly warmUp: number;
  readonly target?: number;
}

async function rate(side: Side, count: number): Promise<number> {
  const began = process.hrtime.bigint();
  await side(count);
  return count / (Number(process.hrtime.bigint() - began) / 1e9);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Warms both sides up alike, then lets them take turns, each beginning every other round. */
export async function compare(plan: Plan, ours: Side, baseline: Side): Promise<Comparison> {
  for (let i = 0; i < plan.warmUp; i++) {
    await ours(plan.batch);
    await baseline(plan.batch);
  }
  const rounds: { readonly ours: number; readonly baseline: number }[] = [];
  for (let i = 0; i < plan.rounds; i++) {
    if (i % 2 === 0) {
      const first = await rate(ours, plan.batch);
      rounds.push({ ours: first, baseline: await rate(baseline, plan.batch) });
    } else {
      const first = await rate(baseline, plan.batch);
      rounds.push({ baseline: first, ours: await rate(ours, plan.batch) });
    }
  }
  return {
    name: plan.name,
    unit: plan.unit,
    ours: median(rounds.map((round) => round.ours)),
    baseline: median(rounds.map((round) => round.baseline)),
    ratio: median(rounds.map((round) => round.ours / round.baseline)),
    ...(plan.target === undefined ? {} : { target: plan.target }),
  };
}
