/** What a change of a group leaves for the relay to carry, in the outbox of its group. */
import { CpnsError } from '@cpns/core';
import type { LogEntry } from '@cpns/store';
import { currentTraceparent, lastStep } from '@cpns/telemetry';
import type { KeyedGroupRecord, PendingRecord } from './records';
import { isRotation } from './rotation';

const KINDS = ['push', 'end', 'alert'] as const;

export interface RelayTask {
  /** `push` and `end` go to the gateways, `alert` to SMF. */
  readonly kind: (typeof KINDS)[number];
  /** Tells it from the group's other tasks. */
  readonly id: string;
  /** The version to push, or that SMF is alerted of; of an end, the last that the group had. */
  readonly version: bigint;
  /** Of the membership, where a version is pushed again for those who joined with that revision. */
  readonly revision?: bigint;
}

/** In a pull group gateways hear of an end and of an emergency only. @param group as it is after the change */
export function tasksAfter(
  { description, newest, membershipRevision, deletedAt }: KeyedGroupRecord,
  pending: Pick<PendingRecord, 'cause' | 'emergency' | 'kept'>,
): readonly RelayTask[] {
  if (deletedAt !== undefined) return [{ kind: 'end', id: 'end', version: newest }];
  if (pending.kept !== undefined) {
    const id = `push.${newest}.${membershipRevision}`;
    return description.delivery === 'push' ? [{ kind: 'push', id, version: newest, revision: membershipRevision }] : [];
  }
  const tasks: RelayTask[] = [];
  if (isRotation(pending)) tasks.push({ kind: 'alert', id: `alert.${newest}`, version: newest });
  if (description.delivery === 'push' || pending.emergency === true)
    tasks.push({ kind: 'push', id: `push.${newest}`, version: newest });
  return tasks;
}

/** A task with the trace that it belongs to. */
interface StoredTask extends RelayTask {
  readonly traceparent: string;
}

/** It decides on nothing: whom a version is given to say the group's records, when the task is carried. */
export function encodeTask({ kind, version, revision }: RelayTask): Buffer {
  const traceparent = lastStep() || currentTraceparent();
  const numbers = { version: String(version), ...(revision !== undefined && { revision: String(revision) }) };
  return Buffer.from(JSON.stringify({ kind, ...numbers, traceparent }));
}

/** @throws CpnsError STORED_RECORD_INVALID */
export function decodeTask({ dedupeId, value }: LogEntry): StoredTask {
  const { kind, version, revision, traceparent } = parse(value);
  const known = KINDS.find((one) => one === kind);
  if (known === undefined || !isNumber(version) || (revision !== undefined && !isNumber(revision)))
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of a group’s outbox is none that this Server makes');
  return {
    kind: known,
    id: dedupeId,
    version: BigInt(version),
    ...(revision !== undefined && { revision: BigInt(revision) }),
    traceparent: typeof traceparent === 'string' ? traceparent : '',
  };
}

const isNumber = (text: unknown): text is string => typeof text === 'string' && /^\d{1,20}$/.test(text);

function parse(value: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(value.toString('utf8'))) as Record<string, unknown>;
  } catch (cause) {
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of a group’s outbox is no JSON', { cause });
  }
}
