/** What every channel has on the wire, as the contracts have it. */
import { invalidArgument } from '@cpns/core';
import type { Position } from '@cpns/store';
import type { Control, ReceiverMessage } from './channel';

/** A channel's opening. */
export interface OpeningWire {
  readonly lastSequence: bigint;
  readonly lastEntryId: Buffer;
  readonly processId: Buffer;
  /** Absent on a channel that has no snapshots. */
  readonly resynchronise?: boolean;
}

/** What the request of every channel holds. */
export interface ReceiverWire {
  readonly message?:
    | { readonly $case: 'opening'; readonly value: OpeningWire }
    | { readonly $case: 'acknowledge'; readonly value: bigint }
    | { readonly $case: 'alive'; readonly value: object }
    | undefined;
  /** With an acknowledgement. */
  readonly entryId: Buffer;
}

/** The highest sequence that a log counts to. */
const SEQUENCE_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const ID_BYTES = 16;
const NONE = Buffer.alloc(0);

const wrong = (reason: 'FIELD_MISSING' | 'FIELD_SIZE' | 'FIELD_OUT_OF_RANGE', field: string, what: string) =>
  invalidArgument(reason, what, { metadata: { field } });

/** @param fields their names on the wire @throws CpnsError FIELD_OUT_OF_RANGE, FIELD_SIZE */
export function checkPosition(sequence: bigint, entryId: Buffer, fields: readonly [string, string]): Position {
  if (sequence > SEQUENCE_MAX) throw wrong('FIELD_OUT_OF_RANGE', fields[0], 'sequences end at 2^53 - 1');
  if (entryId.length !== (sequence === 0n ? 0 : ID_BYTES))
    throw wrong('FIELD_SIZE', fields[1], 'the id of an entry has 16 bytes, and before the first entry none');
  return { sequence, entryId };
}

/** @throws CpnsError FIELD_MISSING, FIELD_SIZE, FIELD_OUT_OF_RANGE */
export function receiverMessage({ message, entryId }: ReceiverWire): ReceiverMessage {
  switch (message?.$case) {
    case 'opening': {
      const { lastSequence, lastEntryId, processId, resynchronise = false } = message.value;
      if (processId.length === 0) throw wrong('FIELD_MISSING', 'process_id', 'an opening names its process');
      if (processId.length !== ID_BYTES) throw wrong('FIELD_SIZE', 'process_id', 'a process id has 16 bytes');
      const at = checkPosition(lastSequence, lastEntryId, ['last_sequence', 'last_entry_id']);
      return { kind: 'opening', opening: { position: at, processId, resynchronise } };
    }
    case 'acknowledge':
      return { kind: 'acknowledge', position: checkPosition(message.value, entryId, ['acknowledge', 'entry_id']) };
    case 'alive':
      return { kind: 'alive' };
    case undefined:
      throw wrong('FIELD_MISSING', 'message', 'send an opening, an acknowledgement or a sign of life');
  }
}

/** The other way round. */
export function receiverWire(said: ReceiverMessage) {
  switch (said.kind) {
    case 'opening': {
      const { position: at, processId, resynchronise } = said.opening;
      const value = { lastSequence: at.sequence, lastEntryId: at.entryId, processId, resynchronise };
      return { message: { $case: 'opening' as const, value }, entryId: NONE };
    }
    case 'acknowledge':
      return {
        message: { $case: 'acknowledge' as const, value: said.position.sequence },
        entryId: said.position.entryId,
      };
    case 'alive':
      return { message: { $case: 'alive' as const, value: {} }, entryId: NONE };
  }
}

/** What a response of a channel with snapshots holds beside its entry. */
export interface ControlWire {
  readonly sequence: bigint;
  readonly entryId: Buffer;
  readonly superseded?: object | undefined;
  readonly snapshotBegin?: { readonly snapshotId: Buffer; readonly doubtful: boolean } | undefined;
  readonly snapshotEnd?: { readonly snapshotId: Buffer; readonly count: bigint } | undefined;
  readonly state?:
    { readonly lastSequence: bigint; readonly lastEntryId: Buffer; readonly otherProcessAt: bigint } | undefined;
}

const NOWHERE = { sequence: 0n, entryId: NONE };

/** A response that carries no entry: its position, and under which name it has what. */
export function controlWire(said: Control) {
  switch (said.kind) {
    case 'state': {
      const { last, otherProcessAt } = said;
      const state = { lastSequence: last.sequence, lastEntryId: last.entryId, otherProcessAt: BigInt(otherProcessAt) };
      return { ...NOWHERE, entry: { $case: 'state' as const, value: state } };
    }
    case 'superseded':
      return { ...said.position, entry: { $case: 'superseded' as const, value: {} } };
    case 'begin': {
      const { snapshotId, doubtful } = said;
      return { ...NOWHERE, entry: { $case: 'snapshotBegin' as const, value: { snapshotId, doubtful } } };
    }
    case 'end': {
      const { snapshotId, count } = said;
      return { ...said.position, entry: { $case: 'snapshotEnd' as const, value: { snapshotId, count } } };
    }
  }
}

/** What a receiver reads in a response: one of these, an entry, or a message of a snapshot. */
export type Received =
  | Control
  | {
      readonly kind: 'entry';
      readonly position: Position;
      /** Further parts of it come, with the same position. */
      readonly more: boolean;
    }
  | { readonly kind: 'staged' };

/** As {@link received}, of a response that has under one name what it has. */
export function receivedEntry(
  { sequence, entryId, entry }: Position & { readonly entry?: { $case: string; value: object } | undefined },
  more = false,
): Received {
  return received({ sequence, entryId, ...(entry && { [entry.$case]: entry.value }) }, more);
}

/** @param more whether further parts of an entry come @throws CpnsError FIELD_SIZE */
export function received(response: ControlWire, more = false): Received {
  const { sequence, entryId, superseded, snapshotBegin, snapshotEnd, state } = response;
  if (state !== undefined) {
    const last = checkPosition(state.lastSequence, state.lastEntryId, ['state', 'state']);
    return { kind: 'state', last, otherProcessAt: Number(state.otherProcessAt) };
  }
  if (snapshotBegin !== undefined) return { kind: 'begin', ...snapshotBegin };
  const at = checkPosition(sequence, entryId, ['sequence', 'entry_id']);
  if (snapshotEnd !== undefined) return { kind: 'end', ...snapshotEnd, position: at };
  if (superseded !== undefined) return { kind: 'superseded', position: at };
  return sequence === 0n ? { kind: 'staged' } : { kind: 'entry', position: at, more };
}
