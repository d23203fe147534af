import { GroupModel, type Change } from './model';
import { entitiesOf, type Participant } from './participant';

/** A group has no fewer and no more members than this, apart from what one batch takes or adds. */
export const LEAST = 4;
export const MOST = 16;

/** How many come or go at once, at most. */
export const BATCH = 4;

/** A change leaves at least so many members. */
const STAY = 3;

type Kind = 'add' | 'remove' | 'exchange' | 'join' | 'leave';

/** Changes of one group's members, drawn at random: by an operator, in batches, and by the devices themselves. */
export class GroupChanges extends GroupModel {
  /** Devices that left by themselves and have forgotten their keys. */
  protected readonly leftByThemselves = new Set<Participant>();

  /** Draws a kind of change, and makes it: one version, or several. */
  protected async change(): Promise<Change> {
    const kind = this.#kind();
    if (kind === 'join' || kind === 'leave') return this.#byThemselves(kind);
    const left = kind === 'add' ? [] : await this.#remove();
    return { left, joined: kind === 'remove' ? [] : await this.#add() };
  }

  #kind(): Kind {
    const { choices } = this.context;
    const size = this.members().length;
    const open = this.terms.openToJoin;
    if (size <= LEAST) return open ? choices.pick(['add', 'join']) : 'add';
    if (size >= MOST) return choices.pick(['remove', 'leave']);
    const kinds: Kind[] = ['add', 'remove', 'exchange', 'leave'];
    return choices.pick(open ? [...kinds, 'join', 'join', 'leave'] : kinds);
  }

  /** Strangers, and those who left, in about equal parts: a rejoin is as good as a join. */
  #candidates(barred?: ReadonlySet<Participant>): Participant[] {
    const { community, choices } = this.context;
    const outside = community.participants.filter((who) => !this.isMember(who) && !barred?.has(who));
    const leavers = outside.filter((who) => this.wasMemberBefore(who));
    const count = choices.between(1, BATCH);
    const again = choices.some(leavers, choices.between(0, count));
    const others = outside.filter((who) => !again.includes(who));
    return [...again, ...choices.some(others, count - again.length)];
  }

  /** Some members, of which enough stay to write to each other. */
  #leavers(): Participant[] {
    const { choices } = this.context;
    const members = this.members();
    return choices.some(members, choices.between(1, Math.min(BATCH, members.length - STAY)));
  }

  async #add(): Promise<Participant[]> {
    const { groupId, removed } = this;
    const joined = this.#candidates();
    await this.context.community.groups.addMembers(groupId, entitiesOf(joined));
    for (const who of joined) removed.delete(who);
    this.#changed(joined, []);
    await this.#checkStatus();
    for (const who of joined) await who.comeBack(groupId);
    return joined;
  }

  async #remove(): Promise<Participant[]> {
    const left = this.#leavers();
    await this.context.community.groups.removeMembers(this.groupId, entitiesOf(left));
    for (const who of left) this.removed.add(who);
    this.#changed([], left);
    await this.#checkStatus();
    return left;
  }

  /** Each is a change of its own, all of them at once. */
  async #byThemselves(kind: 'join' | 'leave'): Promise<Change> {
    const joins = kind === 'join';
    const movers = joins ? this.#candidates(this.removed) : this.#leavers();
    if (!joins) for (const who of movers) this.leftByThemselves.add(who);
    for (const who of await this.#inOrder(movers, kind)) this.#changed(joins ? [who] : [], joins ? [] : [who]);
    await this.#checkStatus();
    return joins ? { joined: movers, left: [] } : { joined: [], left: movers };
  }

  /** In the order that the SMF chose: each has a revision of its own, the next ones of the group. */
  async #inOrder(movers: readonly Participant[], kind: 'join' | 'leave'): Promise<Participant[]> {
    const { newest, groupId } = this;
    const revisions = await Promise.all(movers.map((who) => who.change(kind, groupId)));
    const lost = new Set(movers.filter((_, index) => revisions[index] === undefined));
    const order: Participant[] = [];
    for (let revision = newest + 1n; order.length < movers.length; revision++) {
      const who = movers[revisions.indexOf(revision)] ?? (await this.#movedAt(revision, lost, kind));
      lost.delete(who);
      order.push(who);
    }
    return order;
  }

  /** Of those whose answer was lost on a busy machine, the one that is given something from a version on, or nothing more. */
  async #movedAt(version: bigint, lost: ReadonlySet<Participant>, kind: 'join' | 'leave'): Promise<Participant> {
    const { groupId } = this;
    for (const who of lost)
      if (lost.size === 1 || (await who.isGiven(groupId, version)) === (kind === 'join')) return who;
    throw new Error(`${groupId}: no device has moved at revision ${version}`);
  }

  #changed(joined: readonly Participant[], left: readonly Participant[]): void {
    const { tally } = this.context;
    tally.add('versions');
    tally.add('rejoins', joined.filter((who) => this.wasMemberBefore(who)).length);
    tally.add('joins', joined.length);
    tally.add('leaves', left.length);
    this.changeMembers({ joined, left });
  }

  /** The CPNS Server and the SMF have the members and the version that the campaign expects. */
  async #checkStatus(): Promise<void> {
    const { groupId, newest } = this;
    const { groups } = this.context.community;
    const { versions, membershipRevision } = await groups.groupKeyStatus(groupId);
    expect([versions.at(-1)?.version, membershipRevision]).toEqual([newest, newest]);
    const { members } = await groups.getGroup(groupId);
    expect([...members].sort()).toEqual(entitiesOf(this.members()).sort());
  }
}
