/** To whom the new version is given, and to whom no more: the projection of SMF's membership by revision. */
import { parseEntityUri, type Clock } from '@cpns/core';
import { at, type RecordRef, type Records, type SetChange } from '@cpns/store';
import { joinedAt, leftAt, withoutRetired } from '../recipients';
import {
  GROUP,
  groupAggregate,
  leaversSet,
  PENDING,
  PNS,
  RECIPIENT,
  recipientName,
  recipientsSet,
  type PendingRecord,
  type RecipientRecord,
  type Span,
} from '../records';
import { oldestInUse } from '../versions';

/** Entities of one commit: with an expectation, a record and up to three set changes each it stays within what one may have. */
const CHUNK = 400;

interface RecipientChange {
  readonly entity: string;
  readonly pnId: string;
  readonly spansAfter: (spans: readonly Span[], version: bigint) => readonly Span[];
  readonly joins: boolean;
}

const moveOf = (entity: string, joins: boolean): RecipientChange => ({
  entity,
  pnId: parseEntityUri(entity).pnId,
  spansAfter: joins ? joinedAt : leftAt,
  joins,
});

/** By the number of the move, so that no recipient's key in a commit is taken for one of the change itself. */
type ByMove<T> = Record<`move${number}`, T>;

/**
 * Writes it down for the version that the pending change is about, in as many commits as it takes. Until the group's head
 * has that version, what is written gives nothing and takes nothing.
 */
export async function recordRecipients(
  records: Records,
  clock: Clock,
  groupId: string,
  pending: PendingRecord,
): Promise<void> {
  const moves = [
    ...pending.left.map((entity) => moveOf(entity, false)),
    ...pending.joined.map((entity) => moveOf(entity, true)),
  ];
  for (let from = 0; from < moves.length; from += CHUNK)
    await recordChunk(records, clock, groupId, pending, moves.slice(from, from + CHUNK));
}

async function recordChunk(
  records: Records,
  clock: Clock,
  groupId: string,
  { requestId, previous }: PendingRecord,
  moves: readonly RecipientChange[],
): Promise<void> {
  const version = previous + 1n;
  const recipients: ByMove<RecordRef<typeof RECIPIENT.fields>> = Object.fromEntries(
    moves.map(({ entity }, index) => [`move${index}`, at(RECIPIENT, recipientName(entity))]),
  );
  // expected with them: a commit for a change that is over is a conflict
  const wanted = Object.assign(recipients, { head: at(GROUP), pending: at(PENDING) });
  await records.transact(groupAggregate(groupId), wanted, (found) => {
    const { head, pending } = found;
    if (pending?.requestId.equals(requestId) !== true) return { result: undefined };
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
