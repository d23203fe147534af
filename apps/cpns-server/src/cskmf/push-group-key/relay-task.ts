/** What a change leaves for the relay to carry to the gateways, in the outbox of its group. */
import { CpnsError } from '@cpns/core';
import type { LogEntry } from '@cpns/store';
import { currentTraceparent, lastStep } from '@cpns/telemetry';

export interface RelayTask {
  readonly kind: 'push' | 'end';
  /** Tells it from the group's other tasks. */
  readonly id: string;
  /** The version to push; of an end, the last that the group had. */
  readonly version: bigint;
}

/** A task with the trace that it belongs to. */
export interface StoredTask extends RelayTask {
  readonly traceparent: string;
}

/** It decides on nothing: whom a version is given to say the group's records, when the task is carried. */
export function encodeTask({ kind, version }: RelayTask): Buffer {
  const traceparent = lastStep() || currentTraceparent();
  return Buffer.from(JSON.stringify({ kind, version: String(version), traceparent }));
}

/** @throws CpnsError STORED_RECORD_INVALID */
export function decodeTask({ dedupeId, value }: LogEntry): StoredTask {
  const { kind, version, traceparent } = parse(value);
  if ((kind !== 'push' && kind !== 'end') || typeof version !== 'string' || !/^\d{1,20}$/.test(version))
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of a group’s outbox is none that this Server makes');
  return {
    kind,
    id: dedupeId,
    version: BigInt(version),
    traceparent: typeof traceparent === 'string' ? traceparent : '',
  };
}

function parse(value: Buffer): Record<string, unknown> {
  try {
    return Object(JSON.parse(value.toString('utf8'))) as Record<string, unknown>;
  } catch (cause) {
    throw new CpnsError('STORED_RECORD_INVALID', 'an entry of a group’s outbox is no JSON', { cause });
  }
}
