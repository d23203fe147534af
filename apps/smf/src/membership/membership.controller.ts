/**
 * SMF-GW: an entity joins a Service Group that is open to it, or leaves one, through a gateway of its own PN. And what follows
 * from the end of its right, of which the CPNS Server tells.
 */
import {
  type EndedItems,
  type EndMembershipsRequest,
  type EndMembershipsResponse,
  type MembershipServiceJoinServiceGroupRequest,
  type MembershipServiceLeaveServiceGroupRequest,
  MembershipServiceService,
} from '@cpns/contracts';
import { checkGroupId, CpnsError, permissionDenied, samePn } from '@cpns/core';
import { checkMember } from '@cpns/group-key';
import { type CallContext, gatewayOf, type Handlers } from '@cpns/grpc';
import { FlowStep, GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { SmfConfig } from '../config';
import { EndMemberships } from '../group-changes/end-memberships';
import { membershipChangeOf } from '../group-changes/groups';
import { ProposeChange } from '../group-changes/propose-change';
import { Groups } from '../group-changes/read-groups';
import { checkEndedMembers } from './ended-members';
import { VerifyEntityProof } from './entity-proof';

const RELAYED = ['group_id', 'entity', 'entity_request', 'entity_proof'] as const;

@GrpcController(MembershipServiceService)
export class MembershipController implements Handlers<typeof MembershipServiceService> {
  constructor(
    private readonly config: SmfConfig,
    private readonly groups: Groups,
    private readonly changes: ProposeChange,
    private readonly ends: EndMemberships,
    private readonly proofs: VerifyEntityProof,
  ) {}

  @FlowStep('SMF-GW', 2, RELAYED)
  joinServiceGroup(@Payload() request: MembershipServiceJoinServiceGroupRequest, @Ctx() call: CallContext) {
    return this.#change('join', request, call);
  }

  @FlowStep('SMF-GW', 2, RELAYED)
  leaveServiceGroup(@Payload() request: MembershipServiceLeaveServiceGroupRequest, @Ctx() call: CallContext) {
    return this.#change('leave', request, call);
  }

  /**
   * Answers by the call's deadline with what is changed by then; the rest goes on, also while CSKMF is away.
   * @throws CpnsError a field's reason; DEPENDENCY_UNAVAILABLE, STORED_RECORD_INVALID when it could not be written down
   */
  @FlowStep(['EUK-REVOKE'], 3, ['entity'])
  async endMemberships(
    @Payload() request: EndMembershipsRequest,
    @Ctx() call: CallContext,
  ): Promise<EndMembershipsResponse> {
    const ended = checkEndedMembers(request, this.config.trustDomain);
    const { groupIds, complete } = request.dryRun
      ? await this.ends.preview(ended)
      : await this.ends.execute(ended, call);
    return { groups: endedItems(groupIds), complete };
  }

  /**
   * @returns the membership revision that holds it; the present one where nothing had to be changed
   * @throws CpnsError a field's reason; PN_MISMATCH; see {@link VerifyEntityProof}; REQUEST_OVERTAKEN; NOT_FOUND, GROUP_DELETED;
   *   what the rules and CSKMF refuse it with, of a join JOIN_NOT_PERMITTED, LIMIT_REACHED, MEMBER_WITHOUT_KEY
   */
  async #change(
    event: 'join' | 'leave',
    request: MembershipServiceJoinServiceGroupRequest | MembershipServiceLeaveServiceGroupRequest,
    call: CallContext,
  ): Promise<{ membershipRevision: bigint }> {
    const gateway = gatewayOf(call);
    const groupId = checkGroupId(request.groupId, 'group_id');
    const entity = checkMember(request.entity, this.config.trustDomain, 'entity');
    if (!samePn(entity, gateway))
      throw permissionDenied('PN_MISMATCH', 'a gateway asks for entities of its own Personal Network');
    const askedAt = await this.proofs.execute(event, request, call);
    if (event === 'join') await this.ends.finish(groupId, [entity], call);
    const change = { ...membershipChangeOf(groupId, event, [entity]), askedAt };
    const { revision } = await this.changes.execute(change, call);
    if (revision !== undefined) return { membershipRevision: revision };
    const group = await this.groups.find(groupId);
    if (group === undefined) throw new CpnsError('NOT_FOUND', 'no Service Group of this id');
    return { membershipRevision: group.revision };
  }
}

/** So many of them are named. */
const NAMES_MAX = 100;

const endedItems = (names: ReadonlySet<string>): EndedItems => ({
  count: names.size,
  names: [...names].sort().slice(0, NAMES_MAX),
});
