import { unauthenticated, type GroupKey } from '@cpns/core';
import { hkdf, hkdfInfo } from '@cpns/key-derivation';
import { timingSafeEqual } from 'node:crypto';

/** Size of GKC, in bytes. */
export const COMMITMENT_BYTES = 32;

/** GKC, 32 bytes: it binds a Group Key to its group and version, and does not reveal it. */
export function deriveGroupKeyCommitment(groupKey: GroupKey, groupId: string, version: bigint): Buffer {
  return hkdf(groupKey.expose(), undefined, hkdfInfo('cpns/v1/gk-commit', groupId, version));
}

/** What a Group Key has to be the key of. */
export interface Committed {
  readonly groupId: string;
  readonly version: bigint;
  /** GKC, 32 bytes; empty for a deleted group, which no key fits. */
  readonly commitment: Uint8Array;
}

/**
 * What makes an envelope authentic: the key in it is the one that the Server's statement names.
 * @throws CpnsError COMMITMENT_MISMATCH
 */
export function requireCommitment(groupKey: GroupKey, { groupId, version, commitment }: Committed): void {
  const expected = deriveGroupKeyCommitment(groupKey, groupId, version);
  if (commitment.length !== COMMITMENT_BYTES || !timingSafeEqual(expected, commitment))
    throw unauthenticated('COMMITMENT_MISMATCH', 'the Group Key is not the one that the statement commits to', {
      metadata: { group: groupId, version: String(version) },
    });
}
