const FAILURES_SHOWN = 20;

/** What the campaign counts, and what went otherwise than it should. */
export class Tally {
  readonly #counts = new Map<string, number>();
  readonly #reasons = new Map<string, number>();
  readonly failures: string[] = [];
  #failed = 0;

  add(what: string, count = 1): void {
    this.#counts.set(what, this.of(what) + count);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  /** A refusal that was due, and the reason that it came with. */
  refused(what: string, reason: string): void {
    this.add(what);
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  fail(what: string): void {
    this.#failed++;
    if (this.#failed <= FAILURES_SHOWN) this.failures.push(what);
  }

  /** `what: 12, …`, in the order in which it was first counted. */
  toString(): string {
    const list = (counts: ReadonlyMap<string, number>) =>
      [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
    return `${list(this.#counts)}\n  refusals: ${list(this.#reasons)}`;
  }
}
