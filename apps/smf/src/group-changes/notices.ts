/** What SMF keeps for the SMF in each PN GW: the log of its notices, and which gateways and groups a PN has. */
import {
  type OpenNoticeChannelRequest,
  OpenNoticeChannelResponse,
  type ServiceGroupNotice,
  ServiceGroupNoticeServiceService,
  wireGroupDescription,
} from '@cpns/contracts';
import { Clock, CpnsError, type EntityName, forEach, inChunks, parseEntityUri } from '@cpns/core';
import { ClaimedLog, controlWire, DeliveryLog, PeerSenders, receiverMessage } from '@cpns/delivery';
import { type DuplexContext, gatewayOf, type Handlers } from '@cpns/grpc';
import { FollowEndedPeers, GrpcController, PersonalNetworks, pnAggregate } from '@cpns/platform';
import {
  type Aggregate,
  at,
  defineRecord,
  jsonField,
  type LogEntry,
  optional,
  pagesOf,
  Records,
  Store,
  type ValueIn,
} from '@cpns/store';
import { Logger, withinStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import { SmfConfig } from '../config';
import { GatewayStanding } from '../peer-clients/server-link';
import type { ServiceGroupRecord } from './groups';
import { MembershipIndex } from './membership-index';
import { Groups, type GroupSnapshot } from './read-groups';

/** @param gateway E */
const gatewayAggregate = (gateway: string): Aggregate => ({ kind: 'gateway', id: gateway });

/** The log that the notice channel drives. */
const NOTICES = 'notices';

/** The newest revision of a group that is in the gateway's log, or was: none is told again, none after a newer one. */
export const TOLD = defineRecord('told', {
  revision: jsonField<bigint>(),
  /** Of the Group Key, told with it; absent from before updates by time. */
  keyVersion: optional(jsonField<bigint>()),
});

/** Whether a gateway that was told this has something to hear. */
function isNewerThan(told: ValueIn<typeof TOLD> | undefined, { revision, keyVersion }: ServiceGroupRecord): boolean {
  if (told?.revision !== revision) return told === undefined || told.revision < revision;
  return (told.keyVersion ?? 0n) < keyVersion;
}

/** The set of the group-ids that have, or had, members in the PN: each is looked at again before it is used. */
const GROUPS = 'groups';

/** So many members fit into one message, however long their E are. */
const PART_MEMBERS = 500;

/** The group that an entry is about. */
function groupOfNotice(dedupeId: string): string {
  const dot = dedupeId.lastIndexOf('.');
  if (dot < 1) throw new CpnsError('STORED_RECORD_INVALID', 'a stored notice does not name a group');
  return dedupeId.slice(0, dot);
}

/**
 * Notices on their way to one gateway. The log names a group and a revision of it; what the notice says is looked up when
 * it is sent, so that a large group is not in the log once for each change and gateway. A gateway that was away may so
 * be told the newest revision several times over, never an older one after a newer. Where only the key is a newer one, the
 * revision is told again with it.
 */
@Injectable()
export class NoticeLogs {
  constructor(
    private readonly records: Records,
    private readonly store: Store,
    private readonly networks: PersonalNetworks,
  ) {}

  of(gateway: string): DeliveryLog {
    return new DeliveryLog(this.store, gatewayAggregate(gateway), NOTICES);
  }

  /**
   * From here on the gateway is told of changes. One that is not known has everything to be told: it is new, or the store
   * lost that it was known, and what changed since.
   */
  async addGateway(gateway: EntityName): Promise<void> {
    if ((await this.networks.gatewaysOf(gateway.pnId)).includes(gateway.uri)) return;
    await new ClaimedLog(this.records, this.of(gateway.uri)).beginAnew();
    await this.networks.add(gateway);
  }

  /** The ids of the groups that have, or had, members in a PN, page by page. */
  groupsOf(pnId: string): AsyncIterable<readonly string[]> {
    return pagesOf(this.store, pnAggregate(pnId), GROUPS);
  }

  /** {@link tell} for each gateway of a PN. @param deleted the PN has nothing to do with the group afterwards */
  async tellPn(pnId: string, group: ServiceGroupRecord, deleted: boolean): Promise<void> {
    const { groupId } = group.description;
    const index = pnAggregate(pnId);
    // before the gateways are read: one that opens its channel from here on finds the group there, or is found below
    if (!deleted && !(await this.store.isMember(index, GROUPS, groupId)))
      await this.store.commit(index, { addTo: [{ set: GROUPS, member: groupId }] });
    await forEach(await this.networks.gatewaysOf(pnId), (gateway) => this.tell(gateway, group));
    if (deleted) await this.store.commit(index, { removeFrom: [{ set: GROUPS, member: groupId }] });
  }

  /**
   * Puts the notice of a group's present revision into a gateway's log, once: it may have been delivered and forgotten
   * there since.
   */
  async tell(gateway: string, group: ServiceGroupRecord): Promise<void> {
    const { description, revision, keyVersion, lastChange } = group;
    const { groupId } = description;
    if (lastChange === undefined) return;
    const { traceparent, flow } = lastChange;
    const tell = () =>
      this.records.transact(gatewayAggregate(gateway), { told: at(TOLD, `told.${groupId}`) }, ({ told }) => {
        if (!isNewerThan(told, group)) return { result: undefined };
        // a revision that was told is told again with a newer key
        const which = told?.revision === revision ? `${revision}-${keyVersion}` : revision;
        return {
          result: undefined,
          put: { told: { revision, keyVersion } },
          append: [{ log: NOTICES, dedupeId: `${groupId}.${which}`, value: Buffer.from(traceparent, 'utf8') }],
        };
      });
    await withTraceparent(traceparent, () => withStepChain(traceparent, () => withinStep({ flow, step: 7 }, tell)));
    await new ClaimedLog(this.records, this.of(gateway)).bound();
  }
}

/** From a group's outbox into the log of each gateway concerned (step 7): every PN with members before or after the change. */
@Injectable()
export class FanOutNotices {
  constructor(
    private readonly groups: Groups,
    private readonly logs: NoticeLogs,
    private readonly index: MembershipIndex,
  ) {}

  /**
   * Idempotent. A revision that is not the present one any more was told before the next one was made.
   * @param by `time` where only the key is a newer one: a PN that has no members left has nothing to hear then
   */
  async execute(groupId: string, revision: bigint, by: 'change' | 'time'): Promise<void> {
    const found = await this.groups.networks(groupId);
    if (found?.group.revision !== revision) return;
    const { group } = found;
    const deleted = group.state === 'deleted';
    const pnsLeft = by === 'change' ? (group.lastChange?.pnsLeft ?? []) : [];
    const pns = new Set([...found.pns, ...pnsLeft]);
    await forEach([...pns], (pn) => this.logs.tellPn(pn, group, deleted));
    // last: what is left to do after a crash is found again by the members
    if (deleted) await this.groups.forget(groupId, (entities) => this.index.remove(groupId, revision, entities));
  }
}

@Injectable()
export class SendNotice {
  /** host:port of the CSKMF that has the Group Keys, for gateways. */
  readonly #keyLocation: string;

  constructor(
    { keyLocation, serverAddress }: SmfConfig,
    private readonly groups: Groups,
    private readonly logs: NoticeLogs,
  ) {
    this.#keyLocation = keyLocation ?? serverAddress;
  }

  /**
   * The notice that an entry of a gateway's log stands for, as the group is now, in parts: properties, members of the
   * gateway's PN, and where the key is.
   */
  async *execute(
    gateway: string,
    { sequence, entryId, dedupeId, value }: LogEntry,
  ): AsyncGenerator<OpenNoticeChannelResponse> {
    const groupId = groupOfNotice(dedupeId);
    const snapshot = await this.groups.snapshot(groupId, parseEntityUri(gateway).pnId);
    if (snapshot === undefined) throw new CpnsError('INTERNAL', 'a notice is about a group that is not there');
    const traceparent = value.toString('utf8');
    for (const notice of this.#partsOf(snapshot)) yield { ...WITHOUT_NOTICE, sequence, entryId, traceparent, notice };
  }

  /** Everything that a gateway is to know: the notice of each group that has members in its PN. */
  async *all(gateway: string): AsyncGenerator<OpenNoticeChannelResponse> {
    const { pnId } = parseEntityUri(gateway);
    for await (const groupIds of this.logs.groupsOf(pnId))
      for (const groupId of groupIds) {
        const snapshot = await this.groups.snapshot(groupId, pnId);
        if (snapshot === undefined || snapshot.group.state === 'deleted' || snapshot.members.length === 0) continue;
        const traceparent = snapshot.group.lastChange?.traceparent ?? '';
        for (const notice of this.#partsOf(snapshot)) yield { ...WITHOUT_NOTICE, traceparent, notice };
      }
  }

  *#partsOf({ group, members }: GroupSnapshot): Generator<ServiceGroupNotice> {
    const parts = members.length === 0 ? [[]] : [...inChunks(members, PART_MEMBERS)];
    for (const [part, some] of parts.entries())
      yield {
        description: wireGroupDescription(group.description),
        membershipRevision: group.revision,
        members: [...some],
        keyLocation: this.#keyLocation,
        keyVersion: group.keyVersion,
        deleted: group.state === 'deleted',
        part,
        more: part < parts.length - 1,
      };
  }
}

const WITHOUT_NOTICE: OpenNoticeChannelResponse = OpenNoticeChannelResponse.fromPartial({});

/** The notice channel on the wire: each gateway's notices, in order, until it acknowledged them. */
@GrpcController(ServiceGroupNoticeServiceService)
export class NoticeController implements Handlers<typeof ServiceGroupNoticeServiceService>, OnApplicationShutdown {
  readonly #senders: PeerSenders<OpenNoticeChannelRequest, OpenNoticeChannelResponse>;

  constructor(
    records: Records,
    store: Store,
    clock: Clock,
    notices: SendNotice,
    private readonly logs: NoticeLogs,
    private readonly standing: GatewayStanding,
    ended: FollowEndedPeers,
    logger: Logger,
  ) {
    this.#senders = new PeerSenders<OpenNoticeChannelRequest, OpenNoticeChannelResponse>({
      records,
      store,
      clock,
      logOf: (gateway) => logs.of(gateway),
      // a gateway that enrolled anew may have lost what it was told
      lifeOf: ({ fingerprint }) => Promise.resolve(fingerprint.toString('hex')),
      codec: {
        receive: receiverMessage,
        async *send(gateway, entry) {
          // the list of ended certificates ends the channel of a gateway, where it is followed
          if (!ended.following) await standing.check(gateway);
          yield* notices.execute(gateway.uri, entry);
        },
        control: (said) => {
          const { entry, ...position } = controlWire(said);
          return { ...WITHOUT_NOTICE, ...position, [entry.$case]: entry.value };
        },
        subjectOf: ({ dedupeId }) => groupOfNotice(dedupeId),
        snapshot: ({ uri }) => notices.all(uri),
      },
      onLoss: (gateway, error) => logger.error('the store lost notices that had been sent', { gateway, error }),
      onSnapshot: (gateway, cause) => logger.info('a gateway is told of all its groups', { gateway, cause }),
    });
  }

  /** Resolves when the gateway ended its side. @throws CpnsError CERTIFICATE_REVOKED, DEPENDENCY_UNAVAILABLE, … */
  async openNoticeChannel(
    @Ctx() call: DuplexContext<OpenNoticeChannelRequest, OpenNoticeChannelResponse>,
  ): Promise<void> {
    const gateway = gatewayOf(call);
    const { uri, fingerprint } = call.requirePeer();
    await this.standing.check({ uri, fingerprint });
    // before any group is read: one that changes from here on finds the gateway
    await this.logs.addGateway(gateway);
    await this.#senders.serve({ uri, fingerprint }, call);
  }

  /** Ends all channels: the gateways come back to a replica that answers then. */
  onApplicationShutdown(): void {
    this.#senders.stop();
  }
}
