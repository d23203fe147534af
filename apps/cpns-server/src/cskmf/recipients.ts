/**
 * To whom which version is given (protocol.md, "Group Key": "Version v is given to recipients of v alone"), and the envelopes
 * that it is given in. A rule gives the same when it is applied again, also when later changes were applied in between.
 */
import type { GatewayGroupKeyDelivery, GroupKeyStatement, MemberEnvelope } from '@cpns/contracts';
import { type Clock, failedPrecondition, inChunks, parseEntityUri, type EntityName } from '@cpns/core';
import { makeEnvelope } from '@cpns/group-key';
import { RecentRecords } from '@cpns/platform';
import { at, Store, type RecordRef, type Records, type SetChange } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { LiveKeys, type EntityStanding } from '../entities/live-keys';
import type { KeyRecord } from '../entities/records';
import { Osg } from '../osg/osg';
import {
  GROUP,
  groupAggregate,
  leaversSet,
  oldestInUse,
  PENDING,
  PNS,
  RECIPIENT,
  recipientName,
  recipientsSet,
  versionFrom,
  type PendingRecord,
  type RecipientRecord,
  type Span,
} from './records';
import { covers, joinedAt, leftAt, ofLife, withoutRetired } from './spans';

/** Entities of one commit: with an expectation, a record and up to three set changes each it stays within what one may have. */
const CHUNK = 400;

interface RecipientChange {
  readonly entity: string;
  readonly pnId: string;
  readonly spansAfter: (spans: readonly Span[], version: bigint) => readonly Span[];
  readonly joins: boolean;
}

/** @param life of an entity that joins */
const moveOf = (entity: string, life?: bigint): RecipientChange => ({
  entity,
  pnId: parseEntityUri(entity).pnId,
  spansAfter: life === undefined ? leftAt : (spans, version) => joinedAt(spans, version, life),
  joins: life !== undefined,
});

/** By the number of the move, so that no recipient's key in a commit is taken for one of the change itself. */
type ByMove<T> = Record<`move${number}`, T>;

/**
 * Writes down to whom the version of the pending change is given, and to whom no more: the projection of SMF's membership by
 * revision, in as many commits as it takes. Until the group's head has that version, what is written gives and takes nothing.
 * Who joins with a version that is there has it at once.
 */
export async function recordRecipients(
  records: Records,
  clock: Clock,
  groupId: string,
  pending: PendingRecord,
): Promise<void> {
  const moves = [
    ...pending.left.map((entity) => moveOf(entity)),
    ...pending.joined.map((entity, index) => moveOf(entity, pending.joinedLives?.[index] ?? 1n)),
  ];
  for (let from = 0; from < moves.length; from += CHUNK)
    await recordChunk(records, clock, groupId, pending, moves.slice(from, from + CHUNK));
}

async function recordChunk(
  records: Records,
  clock: Clock,
  groupId: string,
  change: PendingRecord,
  moves: readonly RecipientChange[],
): Promise<void> {
  const version = versionFrom(change);
  const recipients: ByMove<RecordRef<typeof RECIPIENT.fields>> = Object.fromEntries(
    moves.map(({ entity }, index) => [`move${index}`, at(RECIPIENT, recipientName(entity))]),
  );
  // expected with them: a commit for a change that is over is a conflict
  const wanted = Object.assign(recipients, { head: at(GROUP), pending: at(PENDING) });
  await records.transact(groupAggregate(groupId), wanted, (found) => {
    const { head, pending } = found;
    if (pending?.requestId.equals(change.requestId) !== true) return { result: undefined };
    const oldest = head === undefined ? version : oldestInUse(head, clock.now());
    const changed = moves.flatMap((move, index) => {
      const spans = found[`move${index}`]?.spans ?? [];
      const after = move.spansAfter(spans, version);
      return after === spans ? [] : [{ move, index, spans: withoutRetired(after, oldest) }];
    });
    if (changed.length === 0) return { result: undefined };
    const put: ByMove<RecipientRecord> = Object.fromEntries(
      changed.map(({ move, index, spans }) => [`move${index}`, { entity: move.entity, spans }]),
    );
    return { result: undefined, put, addTo: changed.flatMap(({ move }) => setsOf(move, version)) };
  });
}

function setsOf({ entity, pnId, joins }: RecipientChange, version: bigint): SetChange[] {
  if (!joins) return [{ set: leaversSet(version), member: entity }];
  return [
    { set: recipientsSet(pnId), member: entity },
    { set: PNS, member: pnId },
  ];
}

/** Entities that are looked at at a time: each is an aggregate of its own. */
const AT_ONCE = 64;

/** The Entity-User Keys that envelopes are made with: S as it is now, in either form. */
@Injectable()
export class MemberKeys {
  constructor(private readonly keys: LiveKeys) {}

  /** The life of an entity, and its live registered key, if it has one. */
  standingOf(entity: EntityName): Promise<EntityStanding> {
    return this.keys.standingOf(entity);
  }

  /** What {@link standingOf} says of each, in order, a few at a time. */
  async *standingsOf<T extends { readonly entity: string }>(all: readonly T[]): AsyncGenerator<T & EntityStanding> {
    for (const some of inChunks(all, AT_ONCE)) {
      yield* await Promise.all(
        some.map(async (one) => ({ ...one, ...(await this.standingOf(parseEntityUri(one.entity))) })),
      );
    }
  }

  /** @returns the life of each @throws CpnsError MEMBER_WITHOUT_KEY, which names the first that has no live key */
  async requireLiveKeys(entities: readonly string[]): Promise<readonly bigint[]> {
    const lives: bigint[] = [];
    for await (const { entity, key, life } of this.standingsOf(entities.map((each) => ({ entity: each })))) {
      if (key === undefined) throw memberWithoutKey(entity);
      key.secret.destroy();
      lives.push(life);
    }
    return lives;
  }
}

export const memberWithoutKey = (entity: string) =>
  failedPrecondition('MEMBER_WITHOUT_KEY', 'a member has no live registered Entity-User Key: let it register first', {
    metadata: { entity },
  });

/** Recipients that are looked at at a time, unless said. */
export const RECIPIENTS_PAGE = 500;

interface PageOfRecipients {
  /** `next` of the page before; undefined for the first. */
  readonly cursor: string | undefined;
  /** As many are looked at at a time, 1 to 1,000. */
  readonly size: number;
}

/** Whom a version is given to, as long as it is in the life that it joined in. */
interface Recipient {
  readonly entity: string;
  readonly spans: readonly Span[];
}

interface RecipientsPage {
  /** One at least. */
  readonly recipients: readonly Recipient[];
  /** Undefined on the last one. */
  readonly next: string | undefined;
}

/** The envelopes of one version for the members of one Personal Network. */
@Injectable()
export class Envelopes {
  constructor(
    private readonly store: Store,
    private readonly recent: RecentRecords,
    private readonly osg: Osg,
    private readonly keys: MemberKeys,
  ) {}

  /**
   * The next of the entities of a Personal Network that a version is given to, whether they have a key now or not; undefined
   * where there are no more.
   * @throws CpnsError PAGE_TOKEN_INVALID for a cursor that no page can have had
   */
  async pageOf(
    groupId: string,
    version: bigint,
    pnId: string,
    { cursor: from, size }: PageOfRecipients,
  ): Promise<RecipientsPage | undefined> {
    const aggregate = groupAggregate(groupId);
    let cursor = from;
    do {
      const { items, next } = await this.store.members(aggregate, recipientsSet(pnId), cursor, size);
      const wanted: Record<string, RecordRef<typeof RECIPIENT.fields>> = Object.fromEntries(
        items.map((entity) => [entity, at(RECIPIENT, recipientName(entity))]),
      );
      const found = await this.recent.read(aggregate, wanted);
      const recipients = items
        .map((entity) => ({ entity, spans: (found[entity]?.spans ?? []).filter((span) => covers(span, version)) }))
        .filter(({ spans }) => spans.length > 0);
      if (recipients.length > 0) return { recipients, next };
      cursor = next;
    } while (cursor !== undefined);
    return undefined;
  }

  /** All of them, page by page. */
  async *recipientsOf(groupId: string, version: bigint, pnId: string): AsyncGenerator<readonly Recipient[]> {
    let cursor: string | undefined;
    do {
      const page = await this.pageOf(groupId, version, pnId, { cursor, size: RECIPIENTS_PAGE });
      if (page === undefined) return;
      yield page.recipients;
      cursor = page.next;
    } while (cursor !== undefined);
  }

  /**
   * One envelope for each of these that has a live key, in the life that it joined in; the others are left out: they pull
   * once they have one.
   */
  async *envelopesFor(
    groupId: string,
    version: bigint,
    recipients: readonly Recipient[],
  ): AsyncGenerator<MemberEnvelope> {
    for await (const { entity, spans, key, life } of this.keys.standingsOf(recipients)) {
      if (key === undefined) continue;
      if (ofLife(spans, life).length > 0) yield { entity, own: await this.envelopeFor(groupId, version, entity, key) };
      else key.secret.destroy();
    }
  }

  /** For one member, under its S as of now. S is destroyed. @throws CpnsError as Osg.use */
  async envelopeFor(groupId: string, version: bigint, entity: string, { secret, keyId }: KeyRecord): Promise<Buffer> {
    try {
      return await this.osg.use(groupId, version, (groupKey) =>
        makeEnvelope(secret, keyId, { groupId, version, entity }, groupKey),
      );
    } finally {
      secret.destroy();
    }
  }
}

/** What protobuf adds to an envelope, at most, in bytes. */
const FRAMING = 12;

/** Of an envelope in a message, in bytes at most. */
export const sizeOf = ({ entity, own }: MemberEnvelope): number => entity.length + own.length + FRAMING;

const NO_SHARED = Buffer.alloc(0);

const WHOLE = { part: 0, more: false };

/** As a gateway gets them, of a version without a key tree. */
export const deliveryOf = (
  statement: GroupKeyStatement,
  envelopes: readonly MemberEnvelope[],
  { part, more }: Pick<GatewayGroupKeyDelivery, 'part' | 'more'> = WHOLE,
): GatewayGroupKeyDelivery => ({ statement, shared: NO_SHARED, envelopes: [...envelopes], part, more });
