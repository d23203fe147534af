import { CpnsError, failedPrecondition, unauthenticated } from '@cpns/core';
import type { Credential, RowRecord, TableRecord } from './records';

/** What a caller shows of its Entity-User Key. */
export type ShownCredential =
  | { readonly keyId: string }
  /** SHA-256 of its certificate, 32 bytes. */
  | { readonly certificate: Buffer };

/** What is known of an entity in the generation that counts. */
export const credentialIn = ({ versions }: RowRecord, generation: bigint): Credential | undefined =>
  versions.find((one) => one.generation === generation)?.credential;

/** In key pair form the holder of S alone proves nothing at a gateway: it shows its certificate. */
function isOf(credential: Credential, shown: ShownCredential): boolean {
  if ('keyId' in shown) return credential.form === 'secret' && credential.keyId === shown.keyId;
  return credential.certificateDigest?.equals(shown.certificate) === true;
}

export interface Facts {
  readonly row: RowRecord;
  readonly table: TableRecord;
  /** The highest ended life of the gateway that assigned. */
  readonly assignerEnd: bigint;
  readonly now: number;
}

/**
 * Checks 3 and 4 of a caller's credential (protocol.md, "The live credential").
 * @throws CpnsError KEY_UNKNOWN; KEY_REVOKED, KEY_SUSPENDED, KEY_EXPIRED
 */
export function judgeCredential(shown: ShownCredential, { row, table, assignerEnd, now }: Facts): Credential {
  const credential = credentialIn(row, table.generation);
  if (credential === undefined || !isOf(credential, shown))
    throw unauthenticated('KEY_UNKNOWN', 'not the registered key of this entity: register it, or show the newest one');
  const { state, keyId, assignerLife, notAfter } = credential;
  const isEnded = state === 'ended' || row.ended.some((one) => one.keyId === keyId);
  if (isEnded || (assignerLife > 0n && assignerLife <= assignerEnd))
    throw failedPrecondition('KEY_REVOKED', 'the key is no longer in force: ask the operator for a new admission');
  if (state === 'suspended') throw failedPrecondition('KEY_SUSPENDED', 'the key is suspended: ask the operator');
  if (now >= notAfter) throw failedPrecondition('KEY_EXPIRED', 'the key has expired: ask for a new admission');
  return credential;
}

/** @returns the row after the Server told it; undefined where that is older than what is known, and changes nothing */
export function withCredential(
  { versions, ended }: RowRecord,
  credential: Credential,
  generations: readonly bigint[],
  now: number,
): RowRecord | undefined {
  const before = versions.filter(({ generation }) => generations.includes(generation));
  const isNewer = (known: Credential | undefined) =>
    known === undefined || (credential.revision > known.revision && credential.life >= known.life);
  const next = generations.map((generation) => {
    const known = before.find((one) => one.generation === generation);
    return known !== undefined && !isNewer(known.credential) ? known : { generation, credential };
  });
  if (next.length === before.length && next.every((one) => before.includes(one))) return undefined;
  const gone = [
    ...before.filter((one) => !next.includes(one) && one.credential.keyId !== credential.keyId),
    ...(credential.state === 'ended' ? [{ credential }] : []),
  ].map(({ credential: { keyId, notAfter } }) => ({ keyId, until: notAfter }));
  const kept = ended.filter(({ until, keyId }) => until > now && !gone.some((one) => one.keyId === keyId));
  return { versions: next, ended: [...kept, ...uniqueKeys(gone)] };
}

const uniqueKeys = <T extends { readonly keyId: string }>(keys: readonly T[]): readonly T[] => [
  ...new Map(keys.map((key) => [key.keyId, key])).values(),
];

export const resynchronising = (): CpnsError =>
  new CpnsError('RESYNCHRONISING', 'the gateway learns anew which keys are in force; try again in a moment');
