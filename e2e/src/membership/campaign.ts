import type { DeliveryMode } from '@cpns/testing';
import type { Community } from './community';
import { GroupLife } from './group-life';
import type { GroupTerms } from './model';
import { Seeded } from './seeded';
import { Tally } from './tally';
import { trial } from './trial';

const MODES: readonly DeliveryMode[] = ['pull', 'push'];

/** A group for each way in which its key comes, and each way in which members may. */
const GROUPS: readonly GroupTerms[] = MODES.flatMap((delivery) => [
  { groupId: `${delivery}-closed`, delivery, openToJoin: false },
  { groupId: `${delivery}-open`, delivery, openToJoin: true },
]);

/** Random changes in every group, and the trial after them. */
export class Campaign {
  readonly tally = new Tally();
  readonly #lives: GroupLife[] = [];

  constructor(
    private readonly community: Community,
    private readonly seed: number,
  ) {}

  /** @param rounds changes, or batches of them, in each group */
  async run(rounds: number): Promise<void> {
    const { community, tally } = this;
    const seeded = new Seeded(this.seed);
    // each group draws for itself, so that they can go on side by side
    const branches = GROUPS.map((terms) => [terms, seeded.branch()] as const);
    const results = await Promise.allSettled(
      branches.map(async ([terms, branch]) => {
        const life = await GroupLife.begin(terms, { community, tally, seeded: branch });
        this.#lives.push(life);
        for (let round = 0; round < rounds; round++) await life.round();
        await life.openLate();
      }),
    );
    // all of them have ended: none goes on while the deployment is taken down
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** Waits until the first version of each group has retired. */
  async tryRetired(): Promise<void> {
    for (const life of this.#lives) await life.tryRetired();
  }

  async judge(): Promise<void> {
    const models = this.#lives.map(({ model }) => model);
    // every version of a push group has reached every network that had a member of it
    for (const model of models.filter(({ terms }) => terms.delivery === 'push'))
      for (let version = 1n; version <= model.newest; version++)
        for (const [pn, tap] of this.community.taps)
          if (model.members(version).some((entity) => entity.startsWith(`cpns://${pn}.`)))
            await tap.waitFor(
              `version ${version} of ${model.groupId} for ${pn}`,
              ({ statement }) => statement?.groupId === model.groupId && statement.version === version,
            );
    await trial(this.community, models, this.tally);
  }
}
