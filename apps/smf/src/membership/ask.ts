import { CpnsError, permissionDenied, checkGroupId, samePn, type EntityName } from '@cpns/core';
import { at } from '@cpns/store';
import { checkMember, type MembershipEvent } from '@cpns/group-key';
import type { ProposeChange } from '../changes/propose-change';
import { membershipChangeOf } from '../changes/wish';
import type { SmfContext, Waiting } from '../context';
import { GROUP, groupAggregate } from '../records/group-records';

/** What a PNE asks through the SMF in its PN GW. */
export interface MembershipRequest {
  readonly groupId: string;
  /** E */
  readonly entity: string;
}

/**
 * Does what an entity asked for through a gateway of its own PN.
 * @returns the membership revision that holds it
 * @throws CpnsError a field's reason; PN_MISMATCH; NOT_FOUND, GROUP_DELETED; what the rules and CSKMF refuse it with;
 *   DEPENDENCY_UNAVAILABLE
 */
export async function askMembership(
  smf: SmfContext,
  changes: ProposeChange,
  event: MembershipEvent,
  { request, gateway, call }: { request: MembershipRequest; gateway: EntityName; call: Waiting },
): Promise<bigint> {
  const groupId = checkGroupId(request.groupId, 'group_id');
  const entity = checkMember(request.entity, smf.trustDomain, 'entity');
  if (!samePn(entity, gateway))
    throw permissionDenied('PN_MISMATCH', 'a gateway asks for entities of its own Personal Network');
  const { revision } = await changes.execute(membershipChangeOf(smf.store, groupId, event, [entity]), call);
  return revision ?? (await presentRevision(smf, groupId));
}

async function presentRevision({ records }: SmfContext, groupId: string): Promise<bigint> {
  const { group } = await records.read(groupAggregate(groupId), { group: at(GROUP) });
  if (group === undefined) throw new CpnsError('NOT_FOUND', 'no Service Group of this id');
  return group.revision;
}
