/** Two sides, interleaved in one run: the machine's drift meets both alike. */
import { readFileSync } from 'node:fs';

/** One side of a comparison: does a batch of `count` operations. */
export type Side = (count: number) => unknown;

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
  /** CPU of one of our operations in each process that was named, in milliseconds. */
  readonly cpu?: Readonly<Record<string, number>>;
}

export interface Plan extends Pick<Comparison, 'name' | 'unit' | 'target'> {
  readonly batch: number;
  readonly rounds: number;
  readonly warmUp: number;
  /** Processes whose CPU is to be measured, by their pid. */
  readonly processes?: Readonly<Record<string, number>>;
}

async function rate(side: Side, count: number): Promise<number> {
  const began = process.hrtime.bigint();
  await side(count);
  return count / (Number(process.hrtime.bigint() - began) / 1e9);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;

/** Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms; what comes before them may have spaces in its brackets. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** Warms both sides up alike, then lets them take turns, each beginning every other round. */
export async function compare(plan: Plan, ours: Side, baseline: Side): Promise<Comparison> {
  const { name, unit, batch, warmUp, target, processes = {} } = plan;
  const rounds: { readonly ours: number; readonly baseline: number }[] = [];
  const used = Object.keys(processes).map((process) => ({ process, ms: 0 }));
  const measured = async () => {
    for (const each of used) each.ms -= cpuMs(processes[each.process] ?? NaN);
    const found = await rate(ours, batch);
    for (const each of used) each.ms += cpuMs(processes[each.process] ?? NaN);
    return found;
  };
  for (let i = 0; i < warmUp; i++) {
    await ours(batch);
    await baseline(batch);
  }
  for (let i = 0; i < plan.rounds; i++) {
    const before = i % 2 === 0 ? undefined : await rate(baseline, batch);
    const found = await measured();
    rounds.push({ ours: found, baseline: before ?? (await rate(baseline, batch)) });
  }
  return {
    name,
    unit,
    ours: median(rounds.map((round) => round.ours)),
    baseline: median(rounds.map((round) => round.baseline)),
    ratio: median(rounds.map((round) => round.ours / round.baseline)),
    ...(target !== undefined && { target }),
    ...(used.length > 0 && {
      cpu: Object.fromEntries(used.map(({ process, ms }) => [process, ms / (batch * plan.rounds)])),
    }),
  };
}
