/**
 * A record on its way into the store and back: secret fields sealed one by one, the whole authenticated, so that whoever
 * alters, moves or mixes records is found out before a field of them is looked at (protocol.md, "At rest").
 */
import { CpnsError } from '@cpns/core';
import type { Sealer } from '@cpns/sealing';
import type { Aggregate } from '@cpns/store';
import type { Field, RecordDefinition } from './record';

/** Where a record lies. */
export interface Place {
  readonly aggregate: Aggregate;
  readonly name: string;
  /** The revision that it has, or will have once it is committed. */
  readonly revision: bigint;
}

const recordOf = ({ aggregate, name }: Place): string => `${aggregate.kind}/${aggregate.id}/${name}`;

/** Bytes and bigints as JSON: an object with one key that no field of ours begins with. */
const BYTES = '$bytes';
const BIGINT = '$bigint';

function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return { [BIGINT]: value.toString() };
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(toJson);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, toJson(one)]));
  return value;
}

function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value as Record<string, unknown>);
  const [first] = entries;
  if (first !== undefined && entries.length === 1) {
    if (first[0] === BYTES) return Buffer.from(String(first[1]), 'base64');
    if (first[0] === BIGINT) return BigInt(String(first[1]));
  }
  return Object.fromEntries(entries.map(([key, one]) => [key, fromJson(one)]));
}
