/** Ends of rights while members seal and open: who is let in how long, and what opens for the one put out. */
import type { EndReport } from '@cpns/contracts';
import { waitUntil } from '@cpns/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Hoard } from '../support/hoard';
import { ids, type Groups, type Member, type Scene } from '../support/scene';
import { printTable } from '../support/table';
import type { Traffic } from '../support/traffic';
import { AT_ONCE, WITHIN_MS, Ways, type Seen } from './ways';

/** How long members go on when the end has been answered, milliseconds. */
const AFTERWARDS_MS = 3_000;
/** By when those who stay seal under the new version: in a group that pulls they are woken, and ask for it. Milliseconds. */
const MEMBERS_WITHIN_MS = 2_000;

/** Of a report, what is compared. */
export const named = ({ entities, groups, complete }: EndReport) => ({
  complete,
  entities: [...(entities?.names ?? [])].sort(),
  groups: [...(groups?.names ?? [])].sort(),
});

/** One whose right ends. */
export interface Ending {
  readonly title: string;
  readonly member: Member;
  /** What a refusal is. */
  readonly refusal: RegExp;
}

/** What is seen of ends during traffic. */
export class Trial {
  readonly #ways: readonly Ways[];
  readonly #hoards: readonly Hoard[];
  #traffic: readonly Traffic[] = [];
  readonly #before = new Map<string, bigint>();

  constructor(
    private readonly scene: Scene,
    private readonly groups: Groups,
    private readonly endings: readonly Ending[],
  ) {
    const { push, open } = groups;
    this.#ways = endings.map(({ member, refusal }) => new Ways(member.local, { member: push, open }, refusal));
    this.#hoards = endings.map(({ member }) => scene.hoardOf(member));
  }

  /**
   * Ends the right while members seal and open, and tries every way in meanwhile; prints what was seen.
   * @param end resolves with the report
   * @param isDecided whether another replica of the Server says that it has ended
   */
  async run(end: () => Promise<EndReport>, isDecided: () => Promise<boolean>): Promise<EndReport> {
    this.#traffic = await this.scene.traffic(ids(this.groups));
    await Promise.all(this.#ways.map((ways) => ways.opened()));
    for (const groupId of ids(this.groups))
      this.#before.set(groupId, (await this.scene.status(groupId)).versions.at(-1)!.version);
    for (const hoard of this.#hoards) await hoard.copy(ids(this.groups));
    const asked = Date.now();
    const report = end().then((answer) => ({ answer, at: Date.now() }));
    // awaited below
    report.catch(() => undefined);
    const decided = waitUntil('the end at the other replica', isDecided, { withinMs: 10_000, everyMs: 5 });
    // an attempt that is made before counts for nothing
    await decided;
    const since = Date.now();
    const seen = await Promise.all(this.#ways.map((ways) => ways.refused()));
    const { answer, at } = await report;
    await sleep(AFTERWARDS_MS);
    for (const hoard of this.#hoards) await hoard.copy(ids(this.groups));
    for (const traffic of this.#traffic) await traffic.stop();
    process.stdout.write(`  decided after ${since - asked} ms, answered after ${at - asked} ms\n`);
    this.#print(seen, since);
    this.#check(seen, since);
    return answer;
  }

  #print(seen: readonly (readonly Seen[])[], since: number): void {
    for (const [index, { title }] of this.endings.entries())
      printTable(
        title,
        ['way in', 'refused with', 'after', 'let in before'],
        seen[index]!.map(({ way, reason, at, letIn }) => [way, reason, `${Math.max(0, at - since)} ms`, String(letIn)]),
      );
    printTable(
      'those who stay',
      ['group', 'version', 'first sealed under it', 'messages', 'lost under way'],
      this.#traffic.map((traffic) => {
        const next = this.#next(traffic);
        const first = traffic.firstAt(next);
        const after = first === undefined ? 'never' : `${first - since} ms`;
        return [traffic.groupId, String(next), after, String(traffic.sealed.length), String(traffic.lost)];
      }),
    );
  }

  #next({ groupId }: Traffic): bigint {
    return this.#before.get(groupId)! + 1n;
  }

  #check(seen: readonly (readonly Seen[])[], since: number): void {
    for (const [index, { title, refusal }] of this.endings.entries())
      for (const { way, reason, at, letIn } of seen[index]!) {
        const judged = { title, way, reason, inTime: at - since < WITHIN_MS, letIn: AT_ONCE.includes(way) ? letIn : 0 };
        const expected = expect.stringMatching(refusal) as string;
        expect(judged).toEqual({ title, way, reason: expected, inTime: true, letIn: 0 });
      }
    for (const traffic of this.#traffic) {
      const { groupId, sealed, faults } = traffic;
      expect({ groupId, faults }).toEqual({ groupId, faults: [] });
      const next = this.#next(traffic);
      // sealed under the version that the one put out still has, and under the one that it does not get
      const [old, fresh] = [
        sealed.filter(({ version }) => version < next),
        sealed.filter(({ version }) => version >= next),
      ];
      expect(fresh.length).toBeGreaterThan(0);
      expect(Math.max(...old.map(({ at }) => at)) - since).toBeLessThan(MEMBERS_WITHIN_MS);
      for (const [index, hoard] of this.#hoards.entries()) {
        const opens = (some: typeof sealed) =>
          hoard.opens(
            some.map(({ message }) => message),
            this.#ways[index]!.pushed,
          );
        expect(opens(old)).toEqual(old.map(() => true));
        expect(opens(fresh)).toEqual(fresh.map(() => false));
      }
    }
  }
}
