import { Clock } from '@cpns/core';
import { Store } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { DueSet } from '../gateway-log/due-set';

/**
 * `entity`: the life of an entity. `rest`: a suspension, or its end. `gateway`: the life of a gateway, and with it what it
 * assigned. `user`: all that a CPNS User had at that time; written down is decided.
 */
const KINDS = ['entity', 'rest', 'gateway', 'user'] as const;

/** What has an end that others have to follow, or will have. */
export interface DueEnd {
  readonly kind: (typeof KINDS)[number];
  /** E, or a user-id. */
  readonly name: string;
  /** That it is in before the change; 0 for a user. */
  readonly life: bigint;
  /** Of the credential of an entity, before the change; else 0. */
  readonly revision: bigint;
  /** Messages under way still open: no emergency. */
  readonly keepGrace: boolean;
}

export interface LeftEnd extends DueEnd {
  /** As it is stored. */
  readonly item: string;
  /** Unix milliseconds. */
  readonly time: number;
}

const textOf = ({ kind, life, revision, keepGrace, name }: DueEnd): string =>
  `${kind}.${life}.${revision}.${keepGrace ? 'grace' : 'now'} ${name}`;

function parse(item: string): LeftEnd {
  const [time = '', what = '', name = ''] = item.split(' ');
  const [kind, life = '0', revision = '0', grace] = what.split('.');
  const known = KINDS.find((one) => one === kind);
  if (known === undefined) throw new Error(`no end that is due is called ${what}`);
  const stored = { item, time: Number(time), kind: known, name };
  return { ...stored, life: BigInt(life), revision: BigInt(revision), keepGrace: grace === 'grace' };
}

/** Ends that others have to follow: written down before the commit that makes them so, forgotten once all have followed. */
@Injectable()
export class DueEnds {
  readonly #due: DueSet;

  constructor(store: Store, clock: Clock) {
    this.#due = new DueSet(store, clock, 'ends');
  }

  /**
   * @param time when it was decided, Unix milliseconds; now without it
   * @returns the items, as they are stored
   */
  add(ends: readonly DueEnd[], time?: number): Promise<readonly string[]> {
    return this.#due.add(ends.map(textOf), time);
  }

  remove(items: readonly string[]): Promise<void> {
    return this.#due.remove(items);
  }

  /** What other calls and earlier processes left behind, page by page. */
  async *left(signal?: AbortSignal): AsyncGenerator<readonly LeftEnd[]> {
    for await (const items of this.#due.left(signal)) yield items.map(parse);
  }

  /** True for one whose change was never made, and will not be. */
  isForgotten({ item }: LeftEnd): boolean {
    return this.#due.isForgotten(item);
  }
}
