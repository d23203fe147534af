/**
 * One group: changes of its members, drawn at random, and what the members do with each new version. Everything that is
 * allowed has to succeed, everything else has to be refused.
 */
import { GroupKeyVersionState } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { waitUntil } from '@cpns/testing';
import { BATCH, GroupChanges, type LifeContext } from './group-changes';
import { GroupModel, LEAST, MOST, type GroupTerms, type SealedMessage } from './model';
import type { Participant } from './participant';

const SENDERS = 2;
/** Messages that one device opens only after the next change, within the 60 s in which it may. */
const LATE = 2;

/** Never a member, or none any more; and a version that is not this member's. */
const STRANGER = ['NOT_A_MEMBER'];
const NOT_GIVEN = ['VERSION_NOT_GIVEN'];
/** A leaver's device may know that it left, and may not. */
const LEAVER = [...STRANGER, ...NOT_GIVEN];
const RETIRED = ['VERSION_RETIRED'];
const FIRST = 1n;
/** The grace of 60 s, and what the Server takes to notice. */
const RETIREMENT = { withinMs: 75_000, everyMs: 500 };

/** What is kept longer than this may be past its grace, milliseconds. */
const LATE_MS = 50_000;

interface LateOpening {
  readonly message: SealedMessage;
  /** Before the next version came, Unix milliseconds. */
  readonly keptAt: number;
  readonly participant: Participant;
}

export class GroupLife {
  #late: LateOpening[] = [];
  readonly #changes: GroupChanges;
  #round = 0;
  #seenNext = 0n;

  private constructor(
    readonly model: GroupModel,
    private readonly context: LifeContext,
  ) {
    this.#changes = new GroupChanges(model, context);
  }

  /** Makes the group with its first members, who use it at once. */
  static async begin(terms: GroupTerms, context: LifeContext): Promise<GroupLife> {
    const { community, seeded, tally } = context;
    const members = seeded.some(community.entities, seeded.between(LEAST, MOST - BATCH));
    await community.groups.createGroup({ ...terms, members });
    const life = new GroupLife(new GroupModel(terms, members), context);
    tally.add('versions');
    tally.add('joins', members.length);
    await life.#use([], []);
    return life;
  }

  /** One change, or several at once, and what the members then do. */
  async round(): Promise<void> {
    this.#round++;
    const { joined, left } = await this.#changes.make();
    if (this.#round === 1) this.#seenNext = this.model.newest;
    await this.#use(joined, left);
  }

  /** The first version, once it has retired, opens nothing more, and nobody is given it: not even who had it. */
  async tryRetired(): Promise<void> {
    // a device goes by the next version that it has seen: after the first round, that round's last one
    await this.#waitUntilRetired(this.#seenNext - 1n);
    const { groupId } = this.model;
    const message = this.model.messages.find(({ version }) => version === FIRST);
    if (message === undefined) throw new Error(`nothing was sealed with the first version of ${groupId}`);
    const stayed = this.model.members(FIRST).filter((entity) => this.model.isMember(entity));
    for (const entity of stayed) {
      const stayedOn = this.model.stayedFrom(entity, FIRST);
      // who was away has seen no version until it came back, and goes by that one: it opened this message before
      const opening = stayedOn ? RETIRED : [...RETIRED, 'CONTENT_REPLAYED'];
      await this.#forbidden(entity, `opens a retired version of ${groupId}`, opening, (it) => it.open(message.sealed));
      // that one was a member before it came back is not remembered for longer than it matters
      const reasons = stayedOn ? RETIRED : [...RETIRED, ...NOT_GIVEN];
      await this.#forbidden(entity, `pulls a retired version of ${groupId}`, reasons, (it) => it.ask(groupId, FIRST));
    }
  }

  async #waitUntilRetired(version: bigint): Promise<void> {
    const isRetired = async () => {
      const { versions } = await this.#groups.groupKeyStatus(this.model.groupId);
      const found = versions.find((one) => one.version === version);
      return found === undefined || found.state === GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED;
    };
    await waitUntil(`the end of version ${version} of ${this.model.groupId}`, isRetired, RETIREMENT);
  }

  /** What the members, and everybody else, try with the newest version. */
  async #use(joined: readonly string[], left: readonly string[]): Promise<void> {
    const { community, seeded, tally } = this.context;
    const { groupId, newest } = this.model;
    await this.openLate();
    await this.#record();
    const messages = await this.#seal();
    this.model.messages.push(...messages);
    tally.add('messages', messages.length);
    const members = this.model.members();
    const late = seeded.some(members, LATE);
    for (const message of messages)
      for (const entity of members.filter((one) => one !== message.sender)) {
        const participant = this.#participant(entity);
        if (late.includes(entity)) this.#late.push({ message, participant, keptAt: Date.now() });
        else await this.#allowed(message, participant);
      }
    const message = seeded.pick(messages);
    for (const entity of community.entities.filter((one) => !members.includes(one))) {
      const reasons = this.model.wasEverMember(entity) ? LEAVER : STRANGER;
      await this.#forbidden(entity, `opens version ${newest} of ${groupId}`, reasons, (it) => it.open(message.sealed));
    }
    await this.#askGateway(joined, left);
    await this.#refuseRemoved();
    await this.#again(message);
    for (const entity of members) await this.#participant(entity).hoard(groupId);
  }

  /** Two members have the newest version, or get it, and seal with it. */
  async #seal(): Promise<SealedMessage[]> {
    const { groupId, newest, terms } = this.model;
    const senders = this.context.seeded.some(this.model.members(), SENDERS);
    const messages: SealedMessage[] = [];
    for (const sender of senders) {
      const participant = this.#participant(sender);
      await participant.obtain(groupId, newest, terms.delivery);
      const plaintext = Buffer.from(`${groupId} version ${newest} round ${this.#round} from ${sender}`);
      const { sealed, version } = await participant.seal(groupId, plaintext);
      if (version !== newest) throw new Error(`${sender} sealed with version ${version} of ${groupId}, not ${newest}`);
      messages.push({ groupId, version, sender, sealed, plaintext });
    }
    return messages;
  }

  /** A joiner asks for what was before it, a leaver for what is after it: at the real gateway, past the SDK's rules. */
  async #askGateway(joined: readonly string[], left: readonly string[]): Promise<void> {
    const { groupId, newest } = this.model;
    for (const entity of joined)
      for (let version = newest - 1n; version >= 1n && version > newest - 4n; version--) {
        if (this.model.isMember(entity, version)) continue;
        const what = `pulls version ${version} of ${groupId}, from before it joined`;
        await this.#forbidden(entity, what, NOT_GIVEN, (it) => it.ask(groupId, version));
        await this.#openPast(entity, version);
      }
    for (const entity of left.filter((one) => !this.model.isMember(one)))
      for (const [version, reasons] of [[0n, STRANGER] as const, [newest, NOT_GIVEN] as const])
        await this.#forbidden(entity, `pulls version ${version} of ${groupId}, after it left`, reasons, (it) =>
          it.ask(groupId, version),
        );
  }

  /** Who was taken out by an operator cannot come back by itself. */
  async #refuseRemoved(): Promise<void> {
    const { removed, groupId } = this.model;
    for (const entity of [...removed].slice(0, 1))
      await this.#forbidden(entity, `joins ${groupId} again after its removal`, ['JOIN_NOT_PERMITTED'], (it) =>
        it.change('join', groupId),
      );
  }

  async #openPast(entity: string, version: bigint): Promise<void> {
    const past = this.model.messages.find((message) => message.version === version);
    if (past === undefined) return;
    const reasons = [
      ...NOT_GIVEN,
      // for some seconds a device does not ask again what it was refused as a stranger
      ...STRANGER,
      // one that left by itself has done with all up to the newest that it had
      ...(this.model.wasMemberAfter(entity, version) ? RETIRED : []),
    ];
    const what = `opens version ${version} of ${past.groupId}, from before it joined`;
    await this.#forbidden(entity, what, reasons, (it) => it.open(past.sealed));
  }

  /** Within 60 s of the next version a message of the one before still opens, for whoever had that version. */
  async openLate(): Promise<void> {
    for (const { message, participant, keptAt } of this.#late) {
      if (Date.now() - keptAt > LATE_MS) continue;
      // a device that left by itself has destroyed its keys; one that was removed does not know of it yet
      if (this.#changes.leftByThemselves.has(participant.entity)) continue;
      this.context.tally.add('late opens');
      await this.#allowed(message, participant);
    }
    this.#late = [];
    this.#changes.leftByThemselves.clear();
  }

  /** A message opens once. */
  async #again(message: SealedMessage): Promise<void> {
    const waiting = new Set(this.#late.map(({ participant }) => participant.entity));
    const openers = this.model.members().filter((one) => one !== message.sender && !waiting.has(one));
    if (openers.length === 0) return;
    const entity = this.context.seeded.pick(openers);
    await this.#forbidden(entity, `opens a message of ${message.groupId} a second time`, ['CONTENT_REPLAYED'], (it) =>
      it.open(message.sealed),
    );
  }

  async #allowed({ sealed, plaintext, version, groupId }: SealedMessage, participant: Participant): Promise<void> {
    const { tally } = this.context;
    tally.add('opens allowed');
    const what = `${participant.entity} opens version ${version} of ${groupId}`;
    try {
      const opened = await participant.open(sealed);
      if (opened.equals(plaintext)) tally.add('opened');
      else tally.fail(`${what}: it is something else`);
    } catch (error) {
      tally.fail(`${what}: ${String(error)}`);
    }
  }

  async #forbidden(
    entity: string,
    what: string,
    reasons: readonly string[],
    attempt: (participant: Participant) => Promise<unknown>,
  ): Promise<void> {
    const { tally } = this.context;
    tally.add('forbidden');
    try {
      await attempt(this.#participant(entity));
      tally.fail(`${entity} ${what}: it went through`);
    } catch (error) {
      if (error instanceof CpnsError && reasons.includes(error.reason)) tally.refused('refused', error.reason);
      else tally.fail(`${entity} ${what}: ${String(error)}`);
    }
  }

  /** In a pull group nothing comes by itself: the ears pull as their gateways would. */
  async #record(): Promise<void> {
    if (this.model.terms.delivery === 'push') return;
    await Promise.all([...this.context.community.taps.values()].map((tap) => tap.pull(this.model.groupId)));
  }

  #participant(entity: string): Participant {
    return this.context.community.participant(entity);
  }

  get #groups() {
    return this.context.community.groups;
  }
}
