/** A store, a CPNS Server that is played, and the processes of an SMF on them, as callers see them: their controllers. */
import {
  GroupKeyDeliveryMode,
  PnGatewayServiceService,
  type GroupDescription,
  type ServiceGroup,
  type ServiceGroupNotice,
} from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import { eventually, type Opened } from '@cpns/core/testing';
import { OUTBOX, type DeliveryLog } from '@cpns/delivery';
import type { CallContext } from '@cpns/grpc';
import { testCall } from '@cpns/grpc/testing';
import {
  deletedGroup,
  descriptionOf,
  ONE_OF_EACH,
  refusesBadInput,
  testProcess,
  unknownGroup,
  type BadInput,
  type Described,
  type Fault,
  type OfGroup,
  type TestProcess,
} from '@cpns/platform/testing';
import { openStore, type Store } from '@cpns/store';
import { failingStore, temporaryStore, type FailingStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { TestingModule } from '@nestjs/testing';
import { SmfConfig } from '../config';
import { groupAggregate } from '../group-changes/groups';
import { GroupOutbox, Patience } from '../group-changes/execute-change';
import { NoticeLogs, SendNotice } from '../group-changes/notices';
import { MembershipController } from '../membership/membership.controller';
import { MembershipModule } from '../membership/membership.module';
import { ServerLink } from '../peer-clients/server-link';
import { ServiceGroupController } from '../service-group/service-group.controller';
import { ServiceGroupModule } from '../service-group/service-group.module';
import { FakeServer, ownProof } from './fake-server';

const TRUST_DOMAIN = 'td.example';
/** The port, as titles have it. */
export const AT = 'SMF certificate';
export const LIMIT = 'RESOURCE_EXHAUSTED/LIMIT_REACHED members';
export const PUSH = GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH;

export const pne = (n: number, pn = 'pn1') => `cpns://${pn}.${TRUST_DOMAIN}/pne/e${n}`;
export const gatewayOf = (pn: string, n = 1) => `cpns://${pn}.${TRUST_DOMAIN}/pn-gw/gw${n}`;
export const [ANN, BOB, EVE, DAN] = [pne(1), pne(2), pne(3), pne(4)];
/** E of an entity that CSKMF says has no live key. */
export const KEYLESS = pne(9_999);

/** SHA-256 of the certificate that gateways show. */
const CERTIFICATE = Buffer.alloc(32, 1);

export const described = (changed: Partial<GroupDescription> = {}) => descriptionOf('g1', changed);

const CALLED = {
  join: PnGatewayServiceService.joinServiceGroup,
  leave: PnGatewayServiceService.leaveServiceGroup,
} as const;

/** A gateway's request, with what the entity sent to it. */
export function relayed(event: keyof typeof CALLED, groupId: string, entity: string) {
  const { path, requestSerialize } = CALLED[event];
  const entityRequest = requestSerialize({ groupId });
  return { groupId, entity, entityRequest, entityProof: ownProof(entity, path, entityRequest) };
}

/** A call that waits for so long, milliseconds: of a gateway, or of an operator, of whom nothing is asked. */
export function within(
  milliseconds = 20_000,
  gateway = gatewayOf('pn1'),
  signal = new AbortController().signal,
): CallContext {
  const caller = { uri: gateway, name: parseEntityUri(gateway), role: 'pn-gw', fingerprint: CERTIFICATE } as const;
  return testCall({ deadline: Date.now() + milliseconds, signal }, caller);
}

/** One process of the SMF. */
export class Replica {
  readonly groups: ServiceGroupController;
  readonly members: MembershipController;

  constructor(
    readonly module: TestingModule,
    private readonly server: FakeServer,
  ) {
    this.groups = module.get(ServiceGroupController);
    this.members = module.get(MembershipController);
  }

  /** What it does behind the calls. */
  async run(): Promise<void> {
    await this.module.init();
  }

  stop(): Promise<void> {
    return this.module.close();
  }

  /** Carries out what is left to do of a group's changes. */
  drain(groupId = 'g1'): Promise<void> {
    return this.module.get(GroupOutbox).drain(groupAggregate(groupId));
  }

  async create(members: readonly string[], changed: Partial<GroupDescription> = {}, call = within()) {
    const request = { description: described(changed), members: [...members] };
    return (await this.groups.createServiceGroup(request, call)).group;
  }

  async add(members: readonly string[], call = within(), groupId = 'g1'): Promise<ServiceGroup> {
    return (await this.groups.addMembers({ groupId, members: [...members] }, call)).group;
  }

  async remove(members: readonly string[], call = within(), groupId = 'g1'): Promise<ServiceGroup> {
    return (await this.groups.removeMembers({ groupId, members: [...members] }, call)).group;
  }

  async end(call = within(), groupId = 'g1'): Promise<ServiceGroup> {
    return (await this.groups.deleteServiceGroup({ groupId }, call)).group;
  }

  async get(groupId = 'g1'): Promise<ServiceGroup> {
    return (await this.groups.getServiceGroup({ groupId })).group;
  }

  list(pageSize = 0, pageToken = '') {
    return this.groups.listServiceGroups({ pageSize, pageToken });
  }

  async join(entity: string, through?: string, groupId = 'g1'): Promise<bigint> {
    const request = relayed('join', groupId, entity);
    return (await this.members.joinServiceGroup(request, this.#through(entity, through))).membershipRevision;
  }

  async leave(entity: string, through?: string, groupId = 'g1'): Promise<bigint> {
    const request = relayed('leave', groupId, entity);
    return (await this.members.leaveServiceGroup(request, this.#through(entity, through))).membershipRevision;
  }

  /** A call through a gateway that stands. */
  #through(entity: string, gateway = gatewayOf(parseEntityUri(entity).pnId)): CallContext {
    this.server.gateways.set(gateway, CERTIFICATE);
    return within(20_000, gateway);
  }

  /** A gateway opens its channel. */
  introduce(gateway: string): Promise<void> {
    return this.module.get(NoticeLogs).addGateway(parseEntityUri(gateway));
  }

  /** Everything that a gateway is told at once. */
  async all(gateway: string): Promise<ServiceGroupNotice[]> {
    const all: ServiceGroupNotice[] = [];
    for await (const { notice } of this.module.get(SendNotice).all(gateway)) all.push(notice!);
    return all;
  }
}

const CONFIG = { trustDomain: TRUST_DOMAIN, serverAddress: 'inside:7400', keyLocation: 'server.example:7400' };

export class World implements Opened {
  server!: FakeServer;
  log!: MemoryLog;
  /** Its first process. */
  smf!: Replica;
  #replicas: Replica[] = [];
  #temporary!: TemporaryStore;
  /** Handles of one store: replicas take turns. */
  #stores!: readonly [Store, ...Store[]];
  #count = 0;

  /** @param url of a Redis, on which each replica has connections of its own; an embedded store without one */
  async open(url?: string): Promise<void> {
    [this.server, this.log, this.#replicas] = [new FakeServer(), new MemoryLog('smf'), []];
    this.#temporary = await temporaryStore();
    this.#stores = url === undefined ? [this.#temporary.store] : [await openStore(url), await openStore(url)];
    this.server.gateways.set(gatewayOf('pn1'), CERTIFICATE);
    this.server.withoutKey.add(KEYLESS);
    this.smf = await this.replica();
  }

  get store(): Store {
    return this.#stores[0];
  }

  /** One more process, on the next handle of the store unless it has one of its own. */
  async replica(
    store = this.#stores[this.#replicas.length % this.#stores.length] ?? this.store,
    overrides: NonNullable<TestProcess['overrides']> = [],
  ): Promise<Replica> {
    const module = await testProcess({
      name: 'smf',
      uri: `cpns://${TRUST_DOMAIN}/service/smf`,
      store,
      modules: [ServiceGroupModule, MembershipModule],
      logger: this.log.logger,
      providers: [{ provide: SmfConfig, useValue: CONFIG }],
      overrides: [{ provide: ServerLink, useValue: this.server }, ...overrides],
    });
    const replica = new Replica(module, this.server);
    this.#replicas.push(replica);
    return replica;
  }

  /** A process that will be killed at a commit, counted from 1, which becomes durable or not. */
  async mortal({ at, durable }: { readonly at: number; readonly durable: boolean }): Promise<{
    readonly replica: Replica;
    readonly store: FailingStore;
  }> {
    const store = failingStore(this.store, { at, when: durable ? 'after' : 'before', reads: true });
    return { store, replica: await this.replica(store, [{ provide: Patience, useValue: { milliseconds: 0 } }]) };
  }

  noticeLog(gateway: string): DeliveryLog {
    return this.smf.module.get(NoticeLogs).of(gateway);
  }

  /** What is in a gateway's log: `group.revision`. */
  async told(gateway: string): Promise<string[]> {
    const { entries } = await this.noticeLog(gateway).read(0n, 1_000);
    return entries.map(({ dedupeId }) => dedupeId);
  }

  /** What the gateway is sent, each notice as it would be sent now. */
  async notices(gateway: string) {
    const { entries } = await this.noticeLog(gateway).read(0n, 1_000);
    const notices = this.smf.module.get(SendNotice);
    const told: ServiceGroupNotice[] = [];
    for (const entry of entries) for await (const { notice } of notices.execute(gateway, entry)) told.push(notice!);
    return told;
  }

  async outboxOf(groupId = 'g1'): Promise<string[]> {
    const { entries } = await this.store.readLog(groupAggregate(groupId), OUTBOX, 0n, 1_000);
    return entries.map(({ dedupeId }) => dedupeId);
  }

  /** Resolves when all that follows from a group's changes is carried out. */
  rest(groupId = 'g1'): Promise<void> {
    return eventually(async () => expect(await this.outboxOf(groupId)).toEqual([]));
  }

  async close(): Promise<void> {
    await Promise.all(this.#replicas.map((replica) => replica.stop()));
    await Promise.all(this.#stores.map((store) => store.close()));
    await this.#temporary.dispose();
  }

  readonly freshId = (): string => `group-${++this.#count}`;

  /** A group of its own, at rest. @returns its id */
  readonly group = async (of: readonly string[] = [ANN, BOB], change: Partial<GroupDescription> = {}) => {
    const groupId = this.freshId();
    await this.smf.create(of, { groupId, openToJoin: true, ...change });
    await this.rest(groupId);
    return groupId;
  };

  readonly ended = async (): Promise<string> => {
    const groupId = await this.group();
    await this.smf.end(within(), groupId);
    await this.rest(groupId);
    return groupId;
  };

  /** Declares the tests of an RPC. */
  refuses<R>(input: BadInput<R>): void {
    refusesBadInput(() => this.store, AT, {
      ...input,
      send: async (request) => {
        await input.send(request);
        const { groupId, description } = request as Partial<OfGroup> & Described;
        const changed = groupId ?? description?.groupId;
        if (changed !== undefined) await this.rest(changed);
      },
    });
  }

  /** A group-id that is none, and one of no group; for a live group also one that was deleted. */
  readonly ofGroup: readonly Fault<OfGroup>[] = [...ONE_OF_EACH, unknownGroup(this.freshId)];
  readonly ofLiveGroup = [...this.ofGroup, deletedGroup(this.ended)];
}
