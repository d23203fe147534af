/** Callers whose right was ended before their certificates end: what every port of the Server side asks on each call. */
import type { EndedCertificate } from '@cpns/contracts';
import { unauthenticated } from '@cpns/core';
import type { Peer } from '@cpns/grpc';
import { defineRecord, jsonField, type Aggregate } from '@cpns/store';
import { Injectable } from '@nestjs/common';

/** What recognises certificates that count no more. */
export interface EndedPeer {
  /** `key`: SHA-256 of the public key; `uri`: of an operator; `certificate`: SHA-256 of a gateway's identity certificate. */
  readonly by: 'key' | 'uri' | 'certificate';
  /** A digest in hexadecimal digits, or the URI. */
  readonly value: string;
  /** Unix milliseconds. */
  readonly endedAt: number;
  /** When it leaves the list, Unix milliseconds. */
  readonly until: number;
}

/** The whole list, in the order in which they were ended: at the CPNS Server, and what SMF and KMC heard of it. */
export const ENDED = defineRecord('ended', { entries: jsonField<readonly EndedPeer[]>() });
export const ENDED_AGGREGATE: Aggregate = { kind: 'ended', id: 'all' };

/**
 * So many gateways' certificates are kept, the newest: whether a gateway may act says its own record on each call, and the
 * list only ends the calls that it has under way.
 */
const GATEWAYS_MAX = 1_024;

const keyOf = ({ by, value }: Pick<EndedPeer, 'by' | 'value'>): string => `${by} ${value}`;

/** A list with more in it: each once, and none whose time is over. What was ended once is never taken back. */
export function withEnded(list: readonly EndedPeer[], more: readonly EndedPeer[], now: number): readonly EndedPeer[] {
  const known = new Set(list.map(keyOf));
  const all = [...list, ...more.filter((one) => !known.has(keyOf(one)))].filter(({ until }) => until > now);
  const tooMany = all.filter(({ by }) => by === 'certificate').length - GATEWAYS_MAX;
  if (tooMany <= 0) return all;
  const oldest = new Set(all.filter(({ by }) => by === 'certificate').slice(0, tooMany));
  return all.filter((one) => !oldest.has(one));
}

@Injectable()
export class EndedPeers {
  #ended: ReadonlySet<string> = new Set();
  readonly #listeners = new Set<() => void>();

  /** Makes this the list. */
  replace(list: readonly EndedPeer[]): void {
    this.#ended = new Set(list.map(keyOf));
    for (const listener of this.#listeners) listener();
  }

  has({ uri, keyDigest, fingerprint }: Peer): boolean {
    if (this.#ended.size === 0) return false;
    return [
      keyOf({ by: 'uri', value: uri }),
      keyOf({ by: 'key', value: keyDigest.toString('hex') }),
      keyOf({ by: 'certificate', value: fingerprint.toString('hex') }),
    ].some((key) => this.#ended.has(key));
  }

  /** @throws CpnsError CERTIFICATE_REVOKED */
  check(peer: Peer): void {
    if (this.has(peer)) throw certificateEnded();
  }

  /** Calls back after each change of the list, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** What a caller is told whose certificate was ended, on its next call and on those under way. */
export const certificateEnded = () =>
  unauthenticated('CERTIFICATE_REVOKED', 'your certificate was ended before its time: get another');

export const wireEndedPeer = ({ by, value, endedAt, until }: EndedPeer): EndedCertificate => ({
  which:
    by === 'uri'
      ? { $case: 'uri', value }
      : { $case: by === 'key' ? 'publicKeyDigest' : 'certificateDigest', value: Buffer.from(value, 'hex') },
  endedAt: BigInt(endedAt),
  until: BigInt(until),
});

/** One of another kind than these, which a newer Server may know, is no entry. */
export function endedPeerOf({ which, endedAt, until }: EndedCertificate): EndedPeer[] {
  if (which === undefined) return [];
  const times = { endedAt: Number(endedAt), until: Number(until) };
  if (which.$case === 'uri') return [{ by: 'uri', value: which.value, ...times }];
  return [
    { by: which.$case === 'publicKeyDigest' ? 'key' : 'certificate', value: which.value.toString('hex'), ...times },
  ];
}
