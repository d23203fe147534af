/** What the CPNS Server said of entities' rights: an end, a suspension, or that of a suspension. */
import { failedPrecondition, forEach, inChunks } from '@cpns/core';
import type { RightEvent } from '@cpns/group-key';
import { pnAggregate } from '@cpns/platform';
import { at, byName, defineRecord, jsonField, Records, type ValueIn } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import type { PendingRecord } from './groups';
import { byPn, digestOfEntity, MembershipIndex } from './membership-index';

/** The last that was said of one entity. */
export const RIGHT = defineRecord('right', {
  entity: jsonField<string>(),
  /** The last life that ended; 0 for none. */
  endedLife: jsonField<bigint>(),
  event: jsonField<RightEvent>(),
  /** The life, and the revision of its credential, at that event. */
  life: jsonField<bigint>(),
  revision: jsonField<bigint>(),
});
export type RightRecord = ValueIn<typeof RIGHT>;

/** An entity whose right changed. */
export interface ChangedRight {
  /** E */
  readonly entity: string;
  readonly life: bigint;
  /** Of its credential. */
  readonly revision: bigint;
}

type Judgement =
  | 'news'
  /** Said before; what follows from it may not be complete. */
  | 'known'
  /** Something later was said before. */
  | 'overtaken';

/** What is said of an entity, compared with what was said before. */
export function judgeRight(
  known: RightRecord | undefined,
  { life, revision }: ChangedRight,
  event: RightEvent,
): Judgement {
  if (known === undefined) return 'news';
  if (event === 'end') return life > known.endedLife ? 'news' : 'known';
  if (life <= known.endedLife) return 'overtaken';
  if (isLater({ life, revision }, known)) return 'news';
  return event === known.event && life === known.life && revision === known.revision ? 'known' : 'overtaken';
}

type When = Pick<ChangedRight, 'life' | 'revision'>;

const isLater = (a: When, b: When): boolean => (a.life === b.life ? a.revision > b.revision : a.life > b.life);

/** The record with the news in it. An end that comes late leaves what was said of a later life. */
export function withNews(known: RightRecord | undefined, news: ChangedRight, event: RightEvent): RightRecord {
  const endedLife = event === 'end' ? news.life : (known?.endedLife ?? 0n);
  const { entity, life, revision } = news;
  const isOlder = known !== undefined && (event === 'end' ? life < known.life : !isLater(news, known));
  if (isOlder) return { ...known, endedLife };
  return { entity, endedLife, event, life, revision };
}

/** A change by a suspension, or by its end, of which CSKMF has not been asked: an end is never taken back. */
export const mayBeOvertaken = ({ cause, asked }: PendingRecord): boolean =>
  cause !== undefined && cause !== 'end' && asked !== true;

const nameOf = (entity: string): `right.${string}` => `right.${digestOfEntity(entity)}`;

/** Entities of one commit. */
const CHUNK = 500;

@Injectable()
export class MemberRights {
  constructor(
    private readonly records: Records,
    private readonly index: MembershipIndex,
  ) {}

  /**
   * Writes down what was said, before anything follows from it.
   * @returns E of those of which nothing later was said before
   */
  async hear(changed: readonly ChangedRight[], event: RightEvent): Promise<ReadonlySet<string>> {
    const current = new Set<string>();
    await this.#inChunks(changed, async (pnId, some) => {
      const wanted = wantedOf(some.map(({ entity }) => entity));
      const seen = await this.records.snapshot(pnAggregate(pnId), wanted);
      const isNews = (one: ChangedRight) => judgeRight(seen.found[nameOf(one.entity)], one, event) === 'news';
      // first: with the record in place a repeated call asks for what is left only
      if (event === 'end') await this.index.beginEnd(some.filter(isNews).map(({ entity }) => entity));
      const judged = await this.records.transact(
        pnAggregate(pnId),
        wanted,
        (found) => {
          const result = some.map((one) => ({ one, is: judgeRight(found[nameOf(one.entity)], one, event) }));
          const news = result.filter(({ is }) => is === 'news').map(({ one }) => one);
          if (news.length === 0) return { result };
          const put = byName(
            news,
            ({ entity }) => nameOf(entity),
            (one) => withNews(found[nameOf(one.entity)], one, event),
          );
          return { result, put };
        },
        seen,
      );
      for (const { one, is } of judged) if (is !== 'overtaken') current.add(one.entity);
    });
    return current;
  }

  /** What was said of each; those of which nothing was said are missing. */
  async of(entities: readonly string[]): Promise<ReadonlyMap<string, RightRecord>> {
    const rights = new Map<string, RightRecord>();
    const all = entities.map((entity) => ({ entity }));
    await this.#inChunks(all, async (pnId, some) => {
      const found = await this.records.read(pnAggregate(pnId), wantedOf(some.map(({ entity }) => entity)));
      for (const right of Object.values(found)) if (right !== undefined) rights.set(right.entity, right);
    });
    return rights;
  }

  /**
   * Of a change that {@link mayBeOvertaken}. It was proposed before this is read: what is said later finds it under way, and
   * comes after it.
   * @throws CpnsError REQUEST_OVERTAKEN, which names the first for whom something else was said meanwhile
   */
  async assertCurrent({ cause, moves }: PendingRecord): Promise<void> {
    const rights = await this.of(moves.map(({ entity }) => entity));
    const overtaken = moves.find(({ entity }) => rights.get(entity)?.event !== cause);
    if (overtaken !== undefined)
      throw failedPrecondition('REQUEST_OVERTAKEN', 'the right of a member changed again', {
        metadata: { entity: overtaken.entity },
      });
  }

  async #inChunks<T extends { readonly entity: string }>(
    all: readonly T[],
    work: (pnId: string, some: readonly T[]) => Promise<void>,
  ): Promise<void> {
    await forEach([...byPn(all)], async ([pnId, ofPn]) => {
      for (const some of inChunks(ofPn, CHUNK)) await work(pnId, some);
    });
  }
}

const wantedOf = (entities: readonly string[]) => byName(entities, nameOf, (entity) => at(RIGHT, nameOf(entity)));
