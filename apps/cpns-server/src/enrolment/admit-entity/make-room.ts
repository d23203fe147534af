import { CpnsError, type EntityName } from '@cpns/core';
import { at } from '@cpns/store';
import type { ServerContext } from '../../context';
import {
  ADMISSION,
  admissionName,
  ENTITY_HEAD,
  entityAggregate,
  KEY,
  type AdmissionRecord,
  type KeyRecord,
} from '../../records/entity-records';

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
 * @throws CpnsError LIMIT_REACHED when all of them may still lead to a key
 */
export async function makeRoom(server: ServerContext, entity: EntityName): Promise<void> {
  const aggregate = entityAggregate(entity);
  const { head } = await server.records.read(aggregate, { head: at(ENTITY_HEAD) });
  if (head === undefined || head.tokenIds.length < ADMISSIONS_MAX) return;
  const admissions = Object.fromEntries(head.tokenIds.map((id) => [id, at(ADMISSION, admissionName(id))]));
  const found = await server.records.read(aggregate, admissions);
  const { key } = await server.records.read(aggregate, { key: at(KEY) });
  const now = server.clock.now();
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
  await server.records.transact(aggregate, ending, () => ({
    result: undefined,
    put: Object.fromEntries(over.map((id) => [id, null])),
  }));
  await server.records.transact(aggregate, { head: at(ENTITY_HEAD) }, (latest) => ({
    result: undefined,
    put: {
      head: {
        lastAdmittedAt: latest.head?.lastAdmittedAt ?? 0,
        tokenIds: (latest.head?.tokenIds ?? []).filter((id) => !over.includes(id)),
      },
    },
  }));
}
