/**
 * One group: changes of its members, drawn at random, and what the members do with each new version. Everything that is
 * allowed has to succeed, everything else has to be refused.
 */
import { GroupKeyVersionState } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { parseContentHeader } from '@cpns/group-key';
import { waitUntil } from '@cpns/testing';
import { BATCH, GroupChanges, LEAST, MOST } from './group-changes';
import type { GroupTerms, LifeContext, SealedMessage } from './model';
import { entitiesOf, type Participant } from './participant';

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

export class GroupLife extends GroupChanges {
  /** Kept at a time before the next version came, Unix milliseconds. */
  #late: { readonly message: SealedMessage; readonly who: Participant; readonly keptAt: number }[] = [];
  #round = 0;
  #seenNext = 0n;

  /** Makes the group with its first members, who use it at once. */
  static async begin(terms: GroupTerms, context: LifeContext): Promise<GroupLife> {
    const { community, choices, tally } = context;
    const members = choices.some(community.participants, choices.between(LEAST, MOST - BATCH));
    await community.groups.createGroup({ ...terms, members: entitiesOf(members) });
    const life = new GroupLife(terms, members, context);
    tally.add('versions');
    tally.add('joins', members.length);
    await life.#use([], []);
    return life;
  }

  /** One change, or several at once, and what the members then do. */
  async round(): Promise<void> {
    this.#round++;
    const { joined, left } = await this.change();
    if (this.#round === 1) this.#seenNext = this.newest;
    await this.#use(joined, left);
  }

  /** The first version, once it has retired, opens nothing more, and is given to no device, even one that had it. */
  async tryRetired(): Promise<void> {
    const { groupId } = this;
    // a device goes by the next version that it has seen: after the first round, that round's last one
    const seen = this.#seenNext - 1n;
    const isRetired = async () => {
      const { versions } = await this.context.community.groups.groupKeyStatus(groupId);
      const found = versions.find(({ version }) => version === seen);
      return found === undefined || found.state === GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED;
    };
    await waitUntil(`the end of version ${seen} of ${groupId}`, isRetired, RETIREMENT);
    const { sealed } = this.messages.find(({ version }) => version === FIRST)!;
    for (const who of this.members(FIRST).filter((one) => this.isMember(one))) {
      const stayedOn = BigInt(this.versionsOf(who).length) === this.newest;
      // who was away has seen no version until it came back, and goes by that one: it opened this message before
      const opening = stayedOn ? RETIRED : [...RETIRED, 'CONTENT_REPLAYED'];
      await this.#forbidden(who, 'opens a retired version', opening, who.open(sealed));
      // that one was a member before it came back is not remembered for longer than it matters
      const pulling = stayedOn ? RETIRED : [...RETIRED, ...NOT_GIVEN];
      await this.#forbidden(who, 'pulls a retired version', pulling, who.ask(groupId, FIRST));
    }
  }

  /** What the members, and everybody else, try with the newest version. */
  async #use(joined: readonly Participant[], left: readonly Participant[]): Promise<void> {
    const { community, choices, tally } = this.context;
    const { groupId, terms, newest } = this;
    await this.openLate();
    // in a pull group nothing comes by itself: the ears pull as their gateways would
    if (terms.delivery === 'pull') await Promise.all([...community.taps.values()].map((tap) => tap.pull(groupId)));
    const messages = await this.#seal();
    this.messages.push(...messages);
    tally.add('messages', messages.length);
    const members = this.members();
    const late = choices.some(members, LATE);
    for (const message of messages)
      for (const who of members.filter((one) => one !== message.sender))
        if (late.includes(who)) this.#late.push({ message, who, keptAt: Date.now() });
        else await this.#allowed(message, who);
    const message = choices.pick(messages);
    for (const who of community.participants.filter((one) => !members.includes(one))) {
      const reasons = this.wasMemberBefore(who) ? LEAVER : STRANGER;
      await this.#forbidden(who, `opens version ${newest}`, reasons, who.open(message.sealed));
    }
    await this.#askGateway(joined, left);
    // one that was taken out by an operator cannot come back by itself
    for (const who of [...this.removed].slice(0, 1))
      await this.#forbidden(who, 'joins again after its removal', ['JOIN_NOT_PERMITTED'], who.change('join', groupId));
    // a message opens once
    const openers = members.filter((who) => who !== message.sender && !late.includes(who));
    if (openers.length > 0) {
      const who = choices.pick(openers);
      await this.#forbidden(who, 'opens a message a second time', ['CONTENT_REPLAYED'], who.open(message.sealed));
    }
    for (const who of members) await who.hoard(groupId);
  }

  /** Two members have the newest version, or get it, and seal with it. */
  async #seal(): Promise<SealedMessage[]> {
    const { groupId, newest, terms } = this;
    const messages: SealedMessage[] = [];
    for (const sender of this.context.choices.some(this.members(), SENDERS)) {
      await sender.obtain(groupId, newest, terms.delivery);
      const plaintext = Buffer.from(`${groupId} version ${newest} round ${this.#round} from ${sender.entity}`);
      const sealed = await sender.seal(groupId, plaintext);
      expect(parseContentHeader(sealed).version).toBe(newest);
      messages.push({ version: newest, sender, sealed, plaintext });
    }
    return messages;
  }

  /** A joiner asks for what was before it, a leaver for what is after it: at the real gateway, past the SDK's rules. */
  async #askGateway(joined: readonly Participant[], left: readonly Participant[]): Promise<void> {
    const { groupId, newest } = this;
    for (const who of joined)
      for (let version = newest - 1n; version >= 1n && version > newest - 4n; version--) {
        if (this.isMember(who, version)) continue;
        const what = `pulls version ${version}, from before it joined`;
        await this.#forbidden(who, what, NOT_GIVEN, who.ask(groupId, version));
        await this.#openPast(who, version);
      }
    for (const who of left.filter((one) => !this.isMember(one)))
      for (const [version, reasons] of [[0n, STRANGER] as const, [newest, NOT_GIVEN] as const])
        await this.#forbidden(who, `pulls version ${version}, after it left`, reasons, who.ask(groupId, version));
  }

  async #openPast(who: Participant, version: bigint): Promise<void> {
    const past = this.messages.find((message) => message.version === version);
    if (past === undefined) return;
    const reasons = [
      ...NOT_GIVEN,
      // for some seconds a device does not ask again what it was refused as a stranger
      ...STRANGER,
      // one that left by itself has done with all up to the newest that it had
      ...(this.versionsOf(who).some((one) => one > version && one < this.newest) ? RETIRED : []),
    ];
    await this.#forbidden(who, `opens version ${version}, from before it joined`, reasons, who.open(past.sealed));
  }

  /** Within 60 s of the next version a message of the one before still opens, for each device that had that version. */
  async openLate(): Promise<void> {
    for (const { message, who, keptAt } of this.#late) {
      if (Date.now() - keptAt > LATE_MS) continue;
      // a device that left by itself has destroyed its keys; one that was removed does not know of it yet
      if (this.leftByThemselves.has(who)) continue;
      this.context.tally.add('late opens');
      await this.#allowed(message, who);
    }
    this.#late = [];
    this.leftByThemselves.clear();
  }

  async #allowed({ sealed, plaintext, version }: SealedMessage, who: Participant): Promise<void> {
    this.context.tally.add('opens allowed');
    const attempt = { entity: who.entity, groupId: this.groupId, version };
    const opened = await who.open(sealed).catch(String);
    expect({ ...attempt, opened }).toEqual({ ...attempt, opened: plaintext });
  }

  async #forbidden(who: Participant, what: string, reasons: readonly string[], attempt: Promise<unknown>) {
    const outcome: unknown = await attempt.catch((error: unknown) => error);
    const reason = outcome instanceof CpnsError ? outcome.reason : String(outcome);
    expect(`${reason}: ${who.entity} ${what} of ${this.groupId}`).toMatch(new RegExp(`^(${reasons.join('|')}):`));
    this.context.tally.add('forbidden');
    this.context.tally.add(reason);
  }
}
