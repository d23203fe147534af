import type { Community } from './community';
import { LEAST, MOST, type Change, type GroupModel } from './model';
import type { Changed, Participant } from './participant';
import type { Seeded } from './seeded';
import type { Tally } from './tally';

/** How many come or go at once, at most. */
export const BATCH = 4;

/** A change leaves at least so many members. */
const STAY = 3;

type Kind = 'add' | 'remove' | 'exchange' | 'join' | 'leave';

export interface LifeContext {
  readonly community: Community;
  readonly seeded: Seeded;
  readonly tally: Tally;
}

/** Changes of one group's members, drawn at random: by an operator, in batches, and by the devices themselves. */
export class GroupChanges {
  /** Devices that left by themselves and have forgotten their keys. */
  readonly leftByThemselves = new Set<string>();

  constructor(
    private readonly model: GroupModel,
    private readonly context: LifeContext,
  ) {}

  /** Draws a kind of change, and makes it: one version, or several. */
  async make(): Promise<Required<Change>> {
    const kind = this.#kind();
    if (kind === 'join' || kind === 'leave') return this.#byThemselves(kind);
    const left = kind === 'add' ? [] : await this.#remove();
    return { left, joined: kind === 'remove' ? [] : await this.#add() };
  }

  #kind(): Kind {
    const { seeded } = this.context;
    const size = this.model.members().length;
    const open = this.model.terms.openToJoin;
    if (size <= LEAST) return open ? seeded.pick(['add', 'join']) : 'add';
    if (size >= MOST) return seeded.pick(['remove', 'leave']);
    const kinds: Kind[] = ['add', 'remove', 'exchange', 'leave'];
    return seeded.pick(open ? [...kinds, 'join', 'join', 'leave'] : kinds);
  }

  /** Strangers, and those who left, in about equal parts: a rejoin is as good as a join. */
  #candidates(allowed: (entity: string) => boolean = () => true): string[] {
    const { community, seeded } = this.context;
    const outside = community.entities.filter((entity) => !this.model.isMember(entity) && allowed(entity));
    const leavers = outside.filter((entity) => this.model.wasEverMember(entity));
    const count = seeded.between(1, BATCH);
    const again = seeded.some(leavers, seeded.between(0, count));
    return [
      ...again,
      ...seeded.some(
        outside.filter((entity) => !again.includes(entity)),
        count - again.length,
      ),
    ];
  }

  async #add(): Promise<string[]> {
    const joined = this.#candidates();
    await this.#groups.addMembers(this.model.groupId, joined);
    for (const entity of joined) this.model.removed.delete(entity);
    this.#changed({ joined });
    await this.#checkStatus();
    for (const entity of joined) await this.#participant(entity).comeBack(this.model.groupId);
    return joined;
  }

  /** Some members, of which enough stay to write to each other. */
  #leavers(): string[] {
    const { seeded } = this.context;
    const members = this.model.members();
    return seeded.some(members, seeded.between(1, Math.min(BATCH, members.length - STAY)));
  }

  async #remove(): Promise<string[]> {
    const left = this.#leavers();
    await this.#groups.removeMembers(this.model.groupId, left);
    for (const entity of left) this.model.removed.add(entity);
    this.#changed({ left });
    await this.#checkStatus();
    return left;
  }

  /** Each is a change of its own, all of them at once. */
  async #byThemselves(kind: 'join' | 'leave'): Promise<Required<Change>> {
    const joins = kind === 'join';
    const movers = joins ? this.#candidates((entity) => !this.model.removed.has(entity)) : this.#leavers();
    if (!joins) for (const entity of movers) this.leftByThemselves.add(entity);
    const changed = await Promise.all(
      movers.map((entity) => this.#participant(entity).change(kind, this.model.groupId)),
    );
    for (const entity of await this.#inOrder(changed, kind))
      this.#changed(joins ? { joined: [entity] } : { left: [entity] });
    await this.#checkStatus();
    return joins ? { joined: movers, left: [] } : { joined: [], left: movers };
  }

  /** In the order that the SMF chose: each has a revision of its own, the next ones of the group. */
  async #inOrder(changed: readonly Changed[], kind: 'join' | 'leave'): Promise<string[]> {
    const { newest, groupId } = this.model;
    const byRevision = new Map(changed.map(({ entity, revision }) => [revision, entity]));
    const due = changed.map((_, index) => newest + BigInt(index + 1));
    const open = due.filter((revision) => !byRevision.has(revision));
    const lost = changed.filter(({ revision }) => revision === undefined);
    if (lost.length !== open.length)
      throw new Error(`${groupId}: revisions ${[...byRevision.keys()].join()} for ${due.join()}`);
    for (const { entity } of lost) byRevision.set(await this.#revisionOf(entity, open, kind), entity);
    return due.map((revision) => byRevision.get(revision)!);
  }

  /** Where the answer was lost on a busy machine: from which version on it is given something, or nothing any more. */
  async #revisionOf(entity: string, open: readonly bigint[], kind: 'join' | 'leave'): Promise<bigint> {
    if (open.length === 1) return open[0]!;
    for (const revision of open)
      if ((await this.#participant(entity).isGiven(this.model.groupId, revision)) === (kind === 'join'))
        return revision;
    throw new Error(`${this.model.groupId}: no revision of ${entity} among ${open.join()}`);
  }

  #changed({ joined = [], left = [] }: Change): void {
    const { tally } = this.context;
    tally.add('versions');
    tally.add('rejoins', joined.filter((entity) => this.model.wasEverMember(entity)).length);
    tally.add('joins', joined.length);
    tally.add('leaves', left.length);
    this.model.change({ joined, left });
  }

  /** The CPNS Server and the SMF have the members and the version that the campaign expects. */
  async #checkStatus(): Promise<void> {
    const { groupId, newest } = this.model;
    const { versions, membershipRevision } = await this.#groups.groupKeyStatus(groupId);
    const last = versions.at(-1)?.version;
    if (last !== newest || membershipRevision !== newest)
      throw new Error(`${groupId}: version ${last} at revision ${membershipRevision}, not ${newest}`);
    const { members } = await this.#groups.getGroup(groupId);
    const expected = [...this.model.members()].sort().join();
    if ([...members].sort().join() !== expected) throw new Error(`${groupId}: the SMF has other members`);
  }

  #participant(entity: string): Participant {
    return this.context.community.participant(entity);
  }

  get #groups() {
    return this.context.community.groups;
  }
}
