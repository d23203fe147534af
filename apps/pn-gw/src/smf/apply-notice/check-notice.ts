/** ServiceGroupNotice, from the wire: as much of it as the gateway acts on. */
import { type ServiceGroupNotice, fields, groupDescription } from '@cpns/contracts';
import { invalidArgument, permissionDenied, checkEndpoint, parseEntityUri, samePn, type EntityName } from '@cpns/core';
import type { Notice } from '../../service-group/notices';

function positive(value: bigint, field: string): bigint {
  if (value === 0n) throw invalidArgument('FIELD_MISSING', `${field} is missing`, { metadata: { field } });
  return value;
}

/** @throws CpnsError a field's reason; PN_MISMATCH for a member of another PN */
export function checkNotice(message: ServiceGroupNotice | undefined, own: EntityName): Notice {
  const notice = fields.present(message, 'notice');
  const { groupId, delivery, sealPeriod } = groupDescription(notice.description);
  const { deleted } = notice;
  const members = notice.members.map((member) => memberHere(member, own));
  if (deleted && members.length > 0)
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'a group that was deleted has members', {
      metadata: { field: 'members' },
    });
  return {
    groupId,
    delivery,
    sealPeriod,
    membershipRevision: positive(notice.membershipRevision, 'membership_revision'),
    // of a deleted group there is nothing more to be had
    keyLocation: deleted ? '' : checkEndpoint(notice.keyLocation, 'key_location'),
    keyVersion: deleted ? notice.keyVersion : positive(notice.keyVersion, 'key_version'),
    deleted,
    members,
  };
}

function memberHere(member: string, own: EntityName): string {
  const entity = parseEntityUri(member, 'members');
  if (!samePn(entity, own)) throw permissionDenied('PN_MISMATCH', `this gateway serves ${own.pn} only`);
  return entity.uri;
}
