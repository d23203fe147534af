import { CpnsError, type EntityName } from '@cpns/core';
import { at } from '@cpns/store';
import type { EntityRecords } from '../../entities/entity-records';
import {
  ADMISSION,
  admissionName,
  ENTITY_HEAD,
  KEY,
  type AdmissionRecord,
  type KeyRecord,
} from '../../entities/records';

/** As many admissions of one entity as are kept at a time. */
const ADMISSIONS_MAX = 64;

/** An admission that can lead to nothing more: its time is over, and the key that it led to is not the entity's. */
function isOver(
  { tokenId, expiresAt, certificateNotAfter = 0 }: AdmissionRecord,
  key: KeyRecord | undefined,
  now: number,
): boolean {
  return now >= expiresAt && now >= certificateNotAfter && key?.tokenId !== tokenId;
}

/**
 * Forgets admissions that are over, once an entity has as many as are kept: an absent one grants nothing.
 * @param now Unix milliseconds
 * @throws CpnsError LIMIT_REACHED when all of them may still lead to a key
 */
export async function makeRoom(entities: EntityRecords, entity: EntityName, now: number): Promise<void> {
  const { head } = await entities.read(entity, { head: at(ENTITY_HEAD) });
  if (head === undefined || head.tokenIds.length < ADMISSIONS_MAX) return;
  const admissions = Object.fromEntries(head.tokenIds.map((id) => [id, at(ADMISSION, admissionName(id))]));
  const found = await entities.read(entity, admissions);
  const { key } = await entities.read(entity, { key: at(KEY) });
  const over = head.tokenIds.filter((id) => {
    const admission = found[id];
    return admission === undefined || isOver(admission, key, now);
  });
  if (over.length === 0)
    throw new CpnsError(
      'LIMIT_REACHED',
      `an entity has ${ADMISSIONS_MAX} admissions at most: revoke some, or wait until they end`,
    );
  const ending = Object.fromEntries(over.map((id) => [id, at(ADMISSION, admissionName(id))]));
  await entities.transact(entity, ending, () => ({
    result: undefined,
    put: Object.fromEntries(over.map((id) => [id, null])),
  }));
  await entities.transact(entity, { head: at(ENTITY_HEAD) }, (latest) => ({
    result: undefined,
    put: {
      head: {
        lastAdmittedAt: latest.head?.lastAdmittedAt ?? 0,
        tokenIds: (latest.head?.tokenIds ?? []).filter((id) => !over.includes(id)),
      },
    },
  }));
}
