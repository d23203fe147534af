import { Injectable } from '@nestjs/common';

/** Groups that are looked at before the next round, since a version may be due for them by then. */
@Injectable()
export class DueGroups {
  /** When, Unix milliseconds. */
  readonly #at = new Map<string, number>();

  /** @param time Unix milliseconds; 0 for at once */
  add(groupId: string, time = 0): void {
    this.#at.set(groupId, time);
  }

  /** Those whose time has come, which are not in it any more. */
  take(now: number): readonly string[] {
    const due = [...this.#at].filter(([, time]) => time <= now).map(([groupId]) => groupId);
    for (const groupId of due) this.#at.delete(groupId);
    return due;
  }
}
