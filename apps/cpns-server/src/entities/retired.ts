import { failedPrecondition, unauthenticated } from '@cpns/core';
import type { KeyRecord, RetiredCredential } from './records';

export interface RetiredRecord {
  readonly credentials: readonly RetiredCredential[];
}

const certificateId = (digest: Buffer): string => `certificate:${digest.toString('hex')}`;
const keyId = (id: string): string => `key:${id}`;

/** The memory of what must not come back, with the key that ends now; what would have ended by itself is forgotten. */
export function retire(memory: RetiredRecord | undefined, ending: KeyRecord | undefined, now: number): RetiredRecord {
  const kept = (memory?.credentials ?? []).filter(({ until }) => until > now);
  if (ending === undefined) return { credentials: kept };
  const ids = [keyId(ending.keyId), ...(ending.certificateDigest ? [certificateId(ending.certificateDigest)] : [])];
  const until = Math.max(ending.notAfter, ending.registerUntil ?? 0);
  const added = ids.filter((id) => !kept.some((one) => one.id === id)).map((id) => ({ id, until }));
  return { credentials: [...kept, ...added] };
}

/** @throws CpnsError KEY_REVOKED for a key that ended here before */
export function checkKeyNotRetired(memory: RetiredRecord | undefined, id: string): void {
  if (memory?.credentials.some((one) => one.id === keyId(id)))
    throw failedPrecondition('KEY_REVOKED', 'the key ended here before: have a new one assigned');
}

/** @throws CpnsError CERTIFICATE_REVOKED for a certificate that ended here before */
export function checkCertificateNotRetired(memory: RetiredRecord | undefined, digest: Buffer): void {
  if (memory?.credentials.some((one) => one.id === certificateId(digest)))
    throw unauthenticated('CERTIFICATE_REVOKED', 'the certificate ended here before: have a new one assigned');
}
