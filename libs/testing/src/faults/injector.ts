/** Breaks a process at its commits. Nothing of this is in the services: the methods of the store's adapters are wrapped. */
import { currentStep } from '@cpns/telemetry';
import type { Aggregate, Commit as StoreCommit, CommitResult, Store } from '@cpns/store';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  commitsFile,
  killFile,
  planFile,
  sameCommit,
  type Commit,
  type FaultPlan,
  type FaultPoint,
  type Kill,
} from './plan';

export interface InjectorOptions {
  readonly directory: string;
  /** What this process is called in plans. */
  readonly service: string;
  readonly pid: number;
  /** Ends this process so that nothing of it runs any more. Tests play it. */
  readonly die: () => never;
}

/** What comes with time and with no flow: a channel’s claim of its log, and as of when a gateway is current. */
function isSignOfLife(
  { kind }: Aggregate,
  { put = [], delete: gone = [], append = [], trim = [] }: StoreCommit,
): boolean {
  const names = [...put.map(({ name }) => name), ...gone];
  const isClaim = names.length > 0 && names.every((name) => name.startsWith('claim.'));
  return kind === 'table-age' || (isClaim && append.length + trim.length === 0);
}

export class FaultInjector {
  #counting = '';
  #seen = 0;

  constructor(private readonly options: InjectorOptions) {}

  /** Makes each commit of a kind of store pass by here. @param prototype of the adapter's class */
  wrap(prototype: Pick<Store, 'commit'>): void {
    // unbound on purpose: each call below says whose it is
    const original = Object.getOwnPropertyDescriptor(prototype, 'commit')?.value as Store['commit'] | undefined;
    if (original === undefined) throw new TypeError('the adapter has no commit of its own');
    const passing = (aggregate: Aggregate, made: () => Promise<CommitResult>) => this.#around(aggregate, made);
    prototype.commit = function (this: Store, aggregate: Aggregate, commit: StoreCommit): Promise<CommitResult> {
      const made = () => original.call(this, aggregate, commit);
      return isSignOfLife(aggregate, commit) ? made() : passing(aggregate, made);
    };
  }

  async #around({ kind }: Aggregate, made: () => Promise<CommitResult>): Promise<CommitResult> {
    const { directory, service } = this.options;
    const { flow, step } = currentStep() ?? { flow: '' as const, step: 0 };
    const commit: Commit = { service, flow, step, kind };
    this.#pass(commit, 'before-commit');
    const result = await made();
    // a conflict changed nothing: the code is about to try again
    if (!result.ok) return result;
    this.#pass(commit, 'after-commit');
    const file = commitsFile(directory);
    if (existsSync(file)) appendFileSync(file, `${JSON.stringify(commit)}\n`);
    return result;
  }

  /** Dies here when the plan says so. Everything up to the death is synchronous: no other work comes in between. */
  #pass(commit: Commit, point: FaultPoint): void {
    const file = planFile(this.options.directory);
    if (!existsSync(file)) return;
    const plan = JSON.parse(readFileSync(file, 'utf8')) as FaultPlan | null;
    if (plan?.point !== point || !sameCommit(plan, commit)) return;
    if (this.#counting !== plan.id) {
      this.#counting = plan.id;
      this.#seen = 0;
    }
    if (++this.#seen === plan.occurrence && this.#claim(plan)) this.options.die();
  }

  /** The file is both the report and the mark that this fault has happened: the next process lives. */
  #claim(plan: FaultPlan): boolean {
    const { directory, pid } = this.options;
    const kill: Kill = { ...plan, pid };
    try {
      writeFileSync(killFile(directory, plan.id), JSON.stringify(kill), { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }
}
