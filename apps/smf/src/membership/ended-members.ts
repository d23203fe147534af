/** What the CPNS Server says of entities whose right ended, rests, or counts again. */
import { type EndMembershipsRequest, fields, RevocationKind } from '@cpns/contracts';
import { invalidArgument } from '@cpns/core';
import { checkMembers, type RightEvent } from '@cpns/group-key';
import type { EndedMembers } from '../group-changes/end-memberships';

const EVENTS = new Map<RevocationKind, RightEvent>([
  [RevocationKind.REVOCATION_KIND_UNSPECIFIED, 'end'],
  [RevocationKind.REVOCATION_KIND_REVOKE, 'end'],
  [RevocationKind.REVOCATION_KIND_SUSPEND, 'suspend'],
  [RevocationKind.REVOCATION_KIND_RESUME, 'resume'],
]);

/** @throws CpnsError a field's reason; FIELD_MISSING without members or a life; FIELD_TOO_LONG over 1,000; TRUST_DOMAIN */
export function checkEndedMembers(request: EndMembershipsRequest, trustDomain: string): EndedMembers {
  const event = EVENTS.get(request.kind);
  if (event === undefined)
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'kind is none of revoke, suspend, resume', {
      metadata: { field: 'kind' },
    });
  const names = checkMembers(
    request.members.map(({ entity }) => entity),
    trustDomain,
    1,
  );
  const rights = new Map(request.members.map((member) => [member.entity, member]));
  const members = names.map((name) => {
    const { life = 0n, revision = 0n } = rights.get(name.uri) ?? {};
    return { entity: name.uri, name, life: fields.positive(life, 'life'), revision };
  });
  return { members, event, keepGrace: request.keepGrace };
}
