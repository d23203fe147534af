/**
 * The request that an assignment was asked for with, beside the one-time string: when its reply is lost, the same command
 * sends the same bytes again and gets the stored reply. It holds no secret.
 */
import { AssignmentRequest } from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import { deriveTokenAuthKey, type OneTimeString } from '@cpns/key-derivation';
import { admittedBy, prepareAssignment, type PendingAssignment } from '@cpns/pne-sdk';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writing } from '../files';

export const requestFileOf = (oneTimeStringFile: string): string => `${oneTimeStringFile}.request`;

/** Whether stored bytes are the request of this token for this CSR. */
function isFor(bytes: Buffer, { tokenId }: OneTimeString, csr: Buffer): boolean {
  const { tokenId: stored, key } = AssignmentRequest.decode(bytes);
  return stored === tokenId && key?.$case === 'csr' && Buffer.from(key.value).equals(csr);
}

/**
 * The stored request where there is one for this token and CSR, else a new one, stored before it is returned.
 * @param root DER
 * @throws CpnsError of {@link prepareAssignment}; UsageError when it cannot be stored
 */
export async function pendingRequest(
  file: string,
  oneTime: OneTimeString,
  root: Buffer,
  csr: Buffer,
): Promise<PendingAssignment> {
  const stored = existsSync(file) ? readFileSync(file) : undefined;
  if (stored !== undefined && isFor(stored, oneTime, csr))
    return { admitted: admittedBy(oneTime, root), authKey: deriveTokenAuthKey(oneTime.secret), request: stored };
  const pending = await prepareAssignment(oneTime, root, systemRandom, { csr });
  writing(file, () => writeFileSync(file, pending.request, { mode: 0o600 }));
  return pending;
}

export const forgetRequest = (file: string): void => rmSync(file, { force: true });
