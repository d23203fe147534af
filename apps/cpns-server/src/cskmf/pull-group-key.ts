/**
 * FLOW-PULL steps 9 and 10, GK-PULL steps 3 and 4: a gateway asks for one member behind it, or for all. What it gets it can
 * open only for the entities whose keys it assigned.
 */
import {
  DELIVERY_ENVELOPES_MAX,
  GroupKeyDeliveryServiceService,
  type GroupKeyDeliveryServicePullGroupKeyRequest,
  type GroupKeyDeliveryServicePullGroupKeyResponse,
  type MemberEnvelope,
} from '@cpns/contracts';
import {
  checkGroupId,
  Clock,
  CpnsError,
  failedPrecondition,
  invalidArgument,
  parseEntityUri,
  permissionDenied,
  samePn,
  type EntityName,
} from '@cpns/core';
import { keySuspended } from '@cpns/entity-user-key';
import { gatewayOf, MAX_MESSAGE_BYTES, type CallContext, type Handlers } from '@cpns/grpc';
import { GrpcController, OwnIdentity, RecentRecords } from '@cpns/platform';
import { at, Records } from '@cpns/store';
import { emitStep, withinStep, type CarriedField } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { deliveryOf, Envelopes, MemberKeys, memberWithoutKey, RECIPIENTS_PAGE } from './recipients';
import {
  GROUP,
  groupAggregate,
  livingGroup,
  needsRenewal,
  RECIPIENT,
  recipientName,
  sealUntilOf,
  SignedStatements,
  stateOf,
  type GroupKeyVersion,
  type KeyedGroupRecord,
  type Span,
} from './records';
import { isGiven, ofLife } from './spans';

/** A pull for all members begins a group at a gateway; one for a single member is that member's own. */
const ALL = { flow: 'FLOW-PULL', step: 9 } as const;
const ONE = { flow: 'GK-PULL', step: 3 } as const;
type Step = typeof ALL | typeof ONE;

const ALL_CARRIES: readonly CarriedField[] = ['group_id', 'version'];
const ONE_CARRIES: readonly CarriedField[] = [...ALL_CARRIES, 'entity'];

@Injectable()
export class PullGroupKey {
  constructor(
    private readonly own: OwnIdentity,
    private readonly records: Records,
    private readonly recent: RecentRecords,
    private readonly keys: MemberKeys,
    private readonly envelopes: Envelopes,
    private readonly statements: SignedStatements,
    private readonly clock: Clock,
  ) {}

  /**
   * @param gateway who asks
   * @param standing resolves when it still may act; until then records are read, and nothing is done
   * @throws CpnsError a field's reason; PN_MISMATCH; NOT_FOUND for an unknown group or version; GROUP_DELETED; NOT_A_MEMBER;
   *   VERSION_NOT_GIVEN, VERSION_RETIRED; MEMBER_WITHOUT_KEY, KEY_SUSPENDED; PAGE_TOKEN_INVALID; DEPENDENCY_UNAVAILABLE; what
   *   `standing` rejects with
   */
  async execute(
    request: GroupKeyDeliveryServicePullGroupKeyRequest,
    gateway: EntityName,
    standing: Promise<void>,
  ): Promise<GroupKeyDeliveryServicePullGroupKeyResponse> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    if (request.entity === '') {
      const page = checkPage(request);
      await standing;
      return this.#forAll(groupId, page, gateway);
    }
    withoutPages(request);
    const entity = parseEntityUri(request.entity, 'entity');
    if (!samePn(entity, gateway))
      throw permissionDenied('PN_MISMATCH', 'a gateway pulls for entities of its own PN only');
    return this.#forOne(groupId, request.version, entity, gateway, standing);
  }

  async #forOne(groupId: string, asked: bigint, entity: EntityName, gateway: EntityName, standing: Promise<void>) {
    const { uri } = entity;
    const startedAt = this.clock.now();
    const wanted = { head: at(GROUP), recipient: at(RECIPIENT, recipientName(uri)) };
    const [{ head, recipient }, { key, life, isSuspended }] = await Promise.all([
      this.recent.read(groupAggregate(groupId), wanted),
      this.keys.standingOf(entity),
    ]);
    try {
      await standing;
      const group = livingGroup(head);
      if (isSuspended) throw keySuspended();
      const version = allowedVersion(group, ofLife(recipient?.spans ?? [], life), asked, this.clock.now());
      if (key === undefined) throw memberWithoutKey(uri);
      this.#report(ONE, gateway, ONE_CARRIES, startedAt);
      const own = await this.envelopes.envelopeFor(groupId, version.version, uri, key);
      return { ...(await this.#deliver(ONE, group, version, [{ entity: uri, own }])), nextPageToken: '' };
    } finally {
      key?.secret.destroy();
    }
  }

  async #forAll(groupId: string, { asked, size, cursor }: PullPage, gateway: EntityName) {
    const startedAt = this.clock.now();
    const group = livingGroup((await this.recent.read(groupAggregate(groupId), { head: at(GROUP) })).head);
    const version = versionOf(group, asked, this.clock.now());
    const envelopes: MemberEnvelope[] = [];
    const page = await this.envelopes.pageOf(groupId, version.version, gateway.pnId, { cursor, size });
    if (page === undefined && cursor === undefined)
      throw notAMember('no entity behind this gateway is given that version');
    for await (const envelope of this.envelopes.envelopesFor(groupId, version.version, page?.recipients ?? []))
      envelopes.push(envelope);
    if (cursor === undefined) this.#report(ALL, gateway, ALL_CARRIES, startedAt);
    const delivered = await this.#deliver(ALL, group, version, envelopes);
    return { ...delivered, nextPageToken: pageToken(groupId, version.version, page?.next) };
  }

  #report({ flow, step }: Step, gateway: EntityName, carried: readonly CarriedField[], startedAt: number): void {
    emitStep({ flow, step, from: gateway.uri, to: this.own.uri, carried, startedAt });
  }

  async #deliver(step: Step, group: KeyedGroupRecord, version: GroupKeyVersion, envelopes: MemberEnvelope[]) {
    const stated = needsRenewal(group, version, this.clock.now())
      ? await withinStep(step, () => this.#renewed(group, version))
      : version;
    return { delivery: deliveryOf(this.statements.of(group.description.groupId, stated), envelopes) };
  }

  /** The version as it is stated from now on, with a later end of sealing. */
  async #renewed(group: KeyedGroupRecord, version: GroupKeyVersion): Promise<GroupKeyVersion> {
    const aggregate = groupAggregate(group.description.groupId);
    return this.records.transact(aggregate, { head: at(GROUP) }, ({ head }) => {
      const now = this.clock.now();
      const present = livingGroup(head);
      const found = present.versions.find((one) => one.version === version.version);
      // another was faster: with the renewal, or with a version after it
      if (found === undefined || !needsRenewal(present, found, now)) return { result: found ?? version };
      const renewed = { ...found, sealUntil: sealUntilOf(present, found.activateAt, now) };
      const versions = present.versions.map((one) => (one === found ? renewed : one));
      return { result: renewed, put: { head: { ...present, versions } } };
    });
  }
}

/** Which of the members behind a gateway are asked for. */
interface PullPage {
  /** 0 for the newest version. */
  readonly asked: bigint;
  readonly size: number;
  /** Undefined for the first page. */
  readonly cursor: string | undefined;
}

/** A token names its group and version: all pages are about one version, also when another is the newest by then. */
const pageToken = (groupId: string, version: bigint, cursor: string | undefined): string =>
  cursor === undefined ? '' : Buffer.from(`${groupId} ${version} ${cursor}`).toString('base64url');

/** @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
function checkPage({
  groupId,
  version,
  pageSize,
  pageToken: token,
}: GroupKeyDeliveryServicePullGroupKeyRequest): PullPage {
  if (pageSize > DELIVERY_ENVELOPES_MAX)
    throw outOfRange('page_size', `a page has ${DELIVERY_ENVELOPES_MAX} members at most`);
  const size = pageSize || RECIPIENTS_PAGE;
  if (token === '') return { asked: version, size, cursor: undefined };
  const [, ofGroup, named = '', cursor] = TOKEN.exec(Buffer.from(token, 'base64url').toString('latin1')) ?? [];
  if (ofGroup !== groupId || cursor === undefined || (version !== 0n && version !== BigInt(named)))
    throw new CpnsError('PAGE_TOKEN_INVALID', 'use the page token of the page before, with its group and version');
  return { asked: BigInt(named), size, cursor };
}

const TOKEN = /^(\S+) ([1-9]\d{0,19}) (\S+)$/;

/** @throws CpnsError FIELD_OUT_OF_RANGE */
function withoutPages({ pageSize, pageToken: token }: GroupKeyDeliveryServicePullGroupKeyRequest): void {
  if (pageSize !== 0) throw outOfRange('page_size', 'one member is no page');
  if (token !== '') throw outOfRange('page_token', 'one member is no page');
}

const outOfRange = (field: string, what: string) =>
  invalidArgument('FIELD_OUT_OF_RANGE', what, { metadata: { field } });

const notAMember = (message: string) => permissionDenied('NOT_A_MEMBER', message);

/**
 * The version that is meant, as long as it may be used.
 * @param asked 0 for the newest
 * @throws CpnsError NOT_FOUND for one that was never made, VERSION_RETIRED
 */
function versionOf(group: KeyedGroupRecord, asked: bigint, now: number): GroupKeyVersion {
  const number = asked === 0n ? group.newest : asked;
  if (number > group.newest) throw new CpnsError('NOT_FOUND', 'the group has no such version of its Group Key');
  const version = group.versions.find((one) => one.version === number);
  if (version === undefined || stateOf(group, version, now) === 'retired')
    throw failedPrecondition('VERSION_RETIRED', 'that version is no longer in use: pull the newest');
  return version;
}

/**
 * The version that is meant, for an entity with these spans.
 * @throws CpnsError NOT_A_MEMBER for a stranger, and for a leaver who wants the newest; VERSION_NOT_GIVEN; as
 *   {@link versionOf}
 */
function allowedVersion(group: KeyedGroupRecord, spans: readonly Span[], asked: bigint, now: number): GroupKeyVersion {
  const number = asked === 0n ? group.newest : asked;
  if (!spans.some(([from]) => from <= group.newest)) throw notAMember('the entity is no member of the group');
  if (number <= group.newest && !isGiven(spans, number)) {
    if (asked === 0n) throw notAMember('the entity is no member of the group any more');
    throw permissionDenied('VERSION_NOT_GIVEN', 'the entity was no member when that version was the newest');
  }
  return versionOf(group, number, now);
}

const { pullGroupKey } = GroupKeyDeliveryServiceService;
const SERVED = { pullGroupKey };

/** CSKMF to CSKMF on the wire: pulls. */
@GrpcController(SERVED, { maxRequestBytes: MAX_MESSAGE_BYTES, runsDuringRevocationCheck: ['pullGroupKey'] })
export class PullGroupKeyController implements Handlers<typeof SERVED> {
  constructor(private readonly pull: PullGroupKey) {}

  pullGroupKey(@Payload() request: GroupKeyDeliveryServicePullGroupKeyRequest, @Ctx() call: CallContext) {
    return this.pull.execute(request, gatewayOf(call), call.standing);
  }
}
