import { CpnsError } from '@cpns/core';
import { waitUntil, type DeliveryMode } from '@cpns/testing';
import type { Run } from '../flow';
import { PATIENCE_MS, persistently } from '../house';
import { expectAlikeEverywhere, expectGone, expectInUse, type Outcome } from './group-checks';
import { GATEWAYS, type GroupHouse, type Part } from './group-house';

/** One change of a group of its own. */
export interface Change {
  readonly delivery: DeliveryMode;
  /** The members before it; none where it makes the group. */
  readonly before: readonly Part[];
  readonly after: readonly Part[];
  readonly deletes?: boolean;
  /** Asks for the change until it is answered. What is asked for twice has to be done once. */
  readonly ask: (groups: GroupHouse, groupId: string) => Promise<unknown>;
}

/** What an operator makes of a creation whose answer was lost: the group is there, and his. */
export async function create(groups: GroupHouse, groupId: string, delivery: DeliveryMode, parts: readonly Part[]) {
  const { operator } = groups.house.deployment;
  const members = parts.map((part) => groups.entity(part));
  let asked = 0;
  await persistently(async () => {
    asked += 1;
    await operator.groups.createGroup({ groupId, delivery, members, openToJoin: true });
  }).catch((error: unknown) => {
    if (asked === 1 || !(error instanceof CpnsError) || error.reason !== 'ALREADY_EXISTS') throw error;
  });
}

/** Resolves when nothing of the group is on its way any more. @throws Error with what still is */
export async function settled(groups: GroupHouse, outcome: Outcome): Promise<void> {
  let lacking: string[] = [];
  const look = async () => {
    lacking = [...(await groups.sight.underWay(outcome.groupId)), ...(await lackingAt(groups, outcome))];
    return lacking.length === 0;
  };
  await waitUntil(() => `of ${outcome.groupId}: ${lacking.join('; ')}`, look, { withinMs: PATIENCE_MS });
}

/** What gateways and watching devices have not got yet. */
async function lackingAt(groups: GroupHouse, outcome: Outcome): Promise<string[]> {
  const { groupId, revision, newest, delivery, deleted, members, concerned } = outcome;
  const lacking: string[] = [];
  for (const gateway of concerned) {
    const view = await groups.sight.gateway(gateway, groupId);
    if ((view?.revision ?? 0n) < revision) lacking.push(`${gateway}: the notice`);
    const stated = view?.statements.at(-1)?.version ?? 0n;
    if (deleted && stated <= newest) lacking.push(`${gateway}: the end`);
  }
  if (delivery === 'pull' && !deleted) return lacking;
  for (const part of members) {
    const { version, ended } = await groups.members[part].local.groups.status(groupId);
    if (deleted ? !ended && version > 0n : version < newest) lacking.push(`${part}: the push`);
  }
  return lacking;
}

export class ChangeRun implements Run {
  readonly #groupId: string;

  private constructor(
    private readonly groups: GroupHouse,
    private readonly change: Change,
  ) {
    this.#groupId = groups.house.newId('group');
  }

  /** With the group as it was before. */
  static async prepare(groups: GroupHouse, change: Change): Promise<ChangeRun> {
    const run = new ChangeRun(groups, change);
    const { before, delivery } = change;
    if (before.length === 0) return run;
    await create(groups, run.#groupId, delivery, before);
    await settled(groups, run.#outcome(before, 1n));
    // whoever leaves, or stays until the end, had a key
    for (const part of before) await persistently(() => groups.members[part].local.groups.pull(run.#groupId));
    return run;
  }

  async perform(): Promise<void> {
    await this.change.ask(this.groups, this.#groupId);
    await settled(this.groups, this.#after);
  }

  async finish(victim: string, first: Promise<void>): Promise<void> {
    await this.groups.house.revive(victim);
    await first;
  }

  async check(): Promise<void> {
    await settled(this.groups, this.#after);
    await expectAlikeEverywhere(this.groups, this.#after);
    await (this.change.deletes === true ? expectGone : expectInUse)(this.groups, this.#after);
  }

  get #after(): Outcome {
    const { before, after } = this.change;
    return this.#outcome(after, before.length === 0 ? 1n : 2n);
  }

  #outcome(members: readonly Part[], revision: bigint): Outcome {
    const { before, delivery, deletes = false } = this.change;
    const deleted = deletes && revision > 1n;
    const parts = [...before, ...members];
    return {
      groupId: this.#groupId,
      delivery,
      revision,
      newest: deleted ? 1n : revision,
      deleted,
      members: deleted ? before : members,
      joined: revision === 1n ? [] : members.filter((part) => !before.includes(part)),
      left: deleted ? [] : before.filter((part) => !members.includes(part)),
      concerned: GATEWAYS.filter((name) => parts.some((part) => this.groups.members[part].gateway === name)),
    };
  }
}
