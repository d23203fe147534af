/** CSKMF's answers to the SMF (5.3.1.12.6.1): GK-CREATE, GK-UPDATE-M and GK-DELETE, steps 1 to 5; alerts of GK-UPDATE-T. */
import {
  CreateGroupKeyRequest,
  DeleteGroupKeyRequest,
  fields,
  groupDescription,
  GroupKeyManagementServiceService,
  UpdateGroupKeyRequest,
  wireGroupDescription,
  type GetGroupKeyStatusRequest,
  type RotateGroupKeyRequest,
  type UpdateGroupDescriptionRequest,
  type WatchGroupKeyEventsRequest,
  type WatchGroupKeyEventsResponse,
} from '@cpns/contracts';
import { checkGroupId, Clock, CpnsError, invalidArgument, parseEntityUri, permissionDenied } from '@cpns/core';
import { requireUpdatePeriod } from '@cpns/group-key';
import type { CallContext, Handlers, ServerStreamContext } from '@cpns/grpc';
import { GrpcController, ServiceIdentity } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { ServerConfig } from '../config';
import { changeDigestOf, GroupChanges, type Change } from './group-change';
import { GetGroupKeyStatus } from './group-key-status';
import { GroupKeyEvents } from './group-key-events';
import { MemberKeys } from './recipients';
import { groupDeleted, groupUnknown, livingGroup } from './records';
import { RotateGroupKey } from './rotate-group-key';
import { versionForJoins } from './rotation';
import { UpdateGroupDescription } from './update-group-description';

/** SMF to CSKMF on the wire. Operators look, and ask for a new version by hand. */
@GrpcController(GroupKeyManagementServiceService)
export class GroupKeyManagementController implements Handlers<typeof GroupKeyManagementServiceService> {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly config: ServerConfig,
    private readonly changes: GroupChanges,
    private readonly descriptions: UpdateGroupDescription,
    private readonly rotate: RotateGroupKey,
    private readonly status: GetGroupKeyStatus,
    private readonly events: GroupKeyEvents,
    private readonly keys: MemberKeys,
    private readonly clock: Clock,
  ) {}

  /**
   * FLOW-PULL and FLOW-PUSH: the Group Key of a new group.
   * @throws CpnsError a field's reason; TRUST_DOMAIN; MEMBER_WITHOUT_KEY; ALREADY_EXISTS for a group-id that has a key
   *   from another request; GROUP_DELETED; DEPENDENCY_UNAVAILABLE
   */
  async createGroupKey(@Payload() request: CreateGroupKeyRequest, @Ctx() call: CallContext) {
    const description = groupDescription(request.description);
    requireUpdatePeriod(description, this.config.activationDelay);
    const members = checkMembers(request.members, 'members', this.own.trustDomain);
    const membershipRevision = fields.positive(request.membershipRevision, 'membership_revision');
    const asked = { description: wireGroupDescription(description), members: [...members], membershipRevision };
    const changeDigest = changeDigestOf('create', CreateGroupKeyRequest.encode(asked).finish());
    const change: Change = {
      groupId: description.groupId,
      changeDigest,
      carried: ['description', 'members', 'membership_revision'],
      flowOf: () => (description.delivery === 'push' ? 'FLOW-PUSH' : 'FLOW-PULL'),
      isDone: (group) => {
        if (group === undefined) return false;
        if (group.deletedAt !== undefined) throw groupDeleted();
        if (group.changeDigest.equals(changeDigest)) return true;
        throw new CpnsError('ALREADY_EXISTS', 'the group has a Group Key: update it, or take a new group-id');
      },
      check: async () => ({ joinedLives: await this.keys.requireLiveKeys(members) }),
      begin: () => ({ pending: { description, membershipRevision, previous: 0n, joined: members, left: [] } }),
    };
    return this.make(change, call);
  }

  /**
   * GK-UPDATE-M: joiners get no version from before, unless the group says otherwise, leavers none from now on.
   * @throws CpnsError a field's reason; TRUST_DOMAIN; NOT_FOUND, GROUP_DELETED; MEMBER_WITHOUT_KEY; CONFLICT for another
   *   revision than the next, or another change under the present one; DEPENDENCY_UNAVAILABLE
   */
  async updateGroupKey(@Payload() request: UpdateGroupKeyRequest, @Ctx() call: CallContext) {
    const { groupId, membershipRevision, joined, left } = checkUpdate(request, this.own.trustDomain);
    const { emergency } = request;
    const asked = { groupId, membershipRevision, joined: [...joined], left: [...left], emergency };
    const changeDigest = changeDigestOf('update', UpdateGroupKeyRequest.encode(asked).finish());
    const change: Change = {
      groupId,
      changeDigest,
      carried: ['group_id', 'membership_revision', 'joined', 'left'],
      flowOf: () => 'GK-UPDATE-M',
      isDone: (group) => {
        const present = livingGroup(group);
        if (present.membershipRevision + 1n === membershipRevision) return false;
        if (present.membershipRevision === membershipRevision && present.changeDigest.equals(changeDigest)) return true;
        throw new CpnsError('CONFLICT', `the group is at membership revision ${present.membershipRevision}`, {
          metadata: { membership_revision: String(present.membershipRevision) },
        });
      },
      check: async () => ({ joinedLives: await this.keys.requireLiveKeys(joined) }),
      begin: (group) => {
        const present = livingGroup(group);
        const { description, newest: previous } = present;
        const canShare = left.length === 0 && !emergency;
        const kept = canShare ? versionForJoins(present, this.clock.now()) : undefined;
        const made = { ...(kept !== undefined && { kept }), ...(emergency && { emergency }) };
        return { pending: { description, membershipRevision, previous, joined, left, ...made } };
      },
    };
    return this.make(change, call);
  }

  /**
   * GK-DELETE: from the first commit on no key of the group is given out.
   * @throws CpnsError a field's reason; NOT_FOUND; DEPENDENCY_UNAVAILABLE
   */
  async deleteGroupKey(@Payload() request: DeleteGroupKeyRequest, @Ctx() call: CallContext) {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const change: Change = {
      groupId,
      changeDigest: changeDigestOf('delete', DeleteGroupKeyRequest.encode({ groupId }).finish()),
      carried: ['group_id'],
      flowOf: () => 'GK-DELETE',
      isDone: (group) => {
        if (group === undefined) throw groupUnknown();
        return group.deletedAt !== undefined;
      },
      check: () => Promise.resolve({}),
      begin: (group) => {
        if (group === undefined) throw groupUnknown();
        const { description, membershipRevision, newest } = group;
        return {
          pending: { description, membershipRevision, previous: newest, joined: [], left: [] },
          head: { ...group, deletedAt: this.clock.now() },
        };
      },
    };
    return this.make(change, call);
  }

  /** @throws CpnsError as {@link UpdateGroupDescription.execute} */
  async updateGroupDescription(@Payload() request: UpdateGroupDescriptionRequest) {
    const groupId = await this.descriptions.execute(request);
    return { status: await this.status.of(groupId) };
  }

  /** @throws CpnsError as {@link RotateGroupKey.byHand} */
  async rotateGroupKey(@Payload() request: RotateGroupKeyRequest) {
    const { description } = await this.rotate.byHand(request);
    return { status: await this.status.of(description.groupId) };
  }

  /** @throws CpnsError as {@link GetGroupKeyStatus.execute} */
  getGroupKeyStatus(@Payload() request: GetGroupKeyStatusRequest) {
    return this.status.execute(request);
  }

  /** @throws CpnsError as {@link GroupKeyEvents.watch} */
  watchGroupKeyEvents(
    @Payload() request: WatchGroupKeyEventsRequest,
    @Ctx() call: ServerStreamContext<WatchGroupKeyEventsResponse>,
  ): Promise<void> {
    return this.events.watch(request, call);
  }

  private async make(change: Change, call: CallContext) {
    await this.changes.make(change, call.requirePeer().uri);
    return { status: await this.status.of(change.groupId) };
  }
}

/** In one change, as many may join, and as many leave. */
const MEMBERS_MAX = 1_000;

/** The E of members, sorted. @throws CpnsError FIELD_TOO_LONG, FIELD_OUT_OF_RANGE (twice), TRUST_DOMAIN, NAME_INVALID */
function checkMembers(entities: readonly string[], field: string, trustDomain: string): readonly string[] {
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

interface CheckedUpdate {
  readonly groupId: string;
  readonly membershipRevision: bigint;
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** @throws CpnsError a field's reason */
function checkUpdate(request: UpdateGroupKeyRequest, trustDomain: string): CheckedUpdate {
  const groupId = checkGroupId(request.groupId, 'group_id');
  const membershipRevision = fields.positive(request.membershipRevision, 'membership_revision');
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
