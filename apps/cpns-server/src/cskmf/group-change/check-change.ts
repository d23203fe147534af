/** What SMF sends, before any work (5.3.1.12.6.1). */
import type { UpdateGroupKeyRequest } from '@cpns/contracts';
import { invalidArgument, permissionDenied, checkGroupId, parseEntityUri } from '@cpns/core';
import { sha256 } from '@cpns/key-derivation';

/** In one change, as many may join, and as many leave. */
export const MEMBERS_MAX = 1_000;

/** By what one change is told from another. @param asked its message, with the members in order */
export const digestOf = (kind: 'create' | 'update' | 'delete', asked: Uint8Array): Buffer =>
  sha256(Buffer.from(`${kind}\0`), asked);

/** @throws CpnsError FIELD_MISSING for 0, which no membership has */
export function checkRevision(value: bigint): bigint {
  if (value === 0n)
    throw invalidArgument('FIELD_MISSING', 'membership_revision is missing', {
      metadata: { field: 'membership_revision' },
    });
  return value;
}

/** The E of members, sorted. @throws CpnsError FIELD_TOO_LONG, FIELD_OUT_OF_RANGE (twice), TRUST_DOMAIN, NAME_INVALID */
export function checkMembers(entities: readonly string[], field: string, trustDomain: string): readonly string[] {
  if (entities.length > MEMBERS_MAX)
    throw invalidArgument('FIELD_TOO_LONG', `${field} has ${entities.length} entities, ${MEMBERS_MAX} are allowed`, {
      metadata: { field, limit: String(MEMBERS_MAX) },
    });
  for (const entity of entities)
    if (parseEntityUri(entity, field).trustDomain !== trustDomain)
      throw permissionDenied('TRUST_DOMAIN', `this Server serves ${trustDomain} only`, { metadata: { entity } });
  if (new Set(entities).size < entities.length) throw twice(field);
  return [...entities].sort();
}

export interface CheckedUpdate {
  readonly groupId: string;
  readonly membershipRevision: bigint;
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** @throws CpnsError a field's reason */
export function checkUpdate(request: UpdateGroupKeyRequest, trustDomain: string): CheckedUpdate {
  const groupId = checkGroupId(request.groupId, 'group_id');
  const membershipRevision = checkRevision(request.membershipRevision);
  const joined = checkMembers(request.joined, 'joined', trustDomain);
  const left = checkMembers(request.left, 'left', trustDomain);
  const joining = new Set(joined);
  if (left.some((entity) => joining.has(entity))) throw twice('left');
  if (joined.length + left.length === 0)
    throw invalidArgument('FIELD_MISSING', 'no entity joined and none left: there is nothing to update', {
      metadata: { field: 'joined' },
    });
  return { groupId, membershipRevision, joined, left };
}

const twice = (field: string) =>
  invalidArgument('FIELD_OUT_OF_RANGE', `${field} names an entity twice`, { metadata: { field } });
