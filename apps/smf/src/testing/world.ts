import { GroupKeyDeliveryMode, type GroupDescription, type ServiceGroup } from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import type { DeliveryLog } from '@cpns/delivery';
import { testProcess, type TestProcess } from '@cpns/platform/testing';
import { openStore, type Store } from '@cpns/store';
import { failingStore, temporaryStore, type FailingStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { TestingModule } from '@nestjs/testing';
import type { Waiting } from '../common/waiting';
import { SmfConfig } from '../config';
import { GroupOutbox, Patience } from '../group-changes/group-outbox';
import { Membership } from '../membership/membership';
import { MembershipModule } from '../membership/membership.module';
import { NoticeLogs } from '../notice-log/notice-logs';
import { IntroduceGateway } from '../notices/introduce-gateway';
import { NoticesModule } from '../notices/notices.module';
import { SendNotice } from '../notices/send-notice';
import { ServerLink } from '../peer-clients/server-link';
import { ServiceGroupModule } from '../service-group/service-group.module';
import { ServiceGroups } from '../service-group/service-groups';
import { FakeServer } from './fake-server';

export const TRUST_DOMAIN = 'td.example';

export const pne = (n: number, pn = 'pn1') => `cpns://${pn}.${TRUST_DOMAIN}/pne/e${n}`;
export const gatewayOf = (pn: string, n = 1) => `cpns://${pn}.${TRUST_DOMAIN}/pn-gw/gw${n}`;

export const described = (changed: Partial<GroupDescription> = {}): GroupDescription => ({
  groupId: 'g1',
  displayName: 'a group',
  delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL,
  sealPeriod: 60_000n,
  updatePeriod: 0n,
  maxMembers: 0,
  openToJoin: false,
  ...changed,
});

/** A call that waits for so long, milliseconds. */
export const within = (milliseconds: number): Waiting => ({
  deadline: Date.now() + milliseconds,
  receivedAt: Date.now(),
  signal: new AbortController().signal,
});

/** One process of the SMF. */
export class Replica {
  readonly outbox: GroupOutbox;

  constructor(readonly module: TestingModule) {
    this.outbox = module.get(GroupOutbox);
  }

  /** What it does behind the calls. */
  async run(): Promise<void> {
    await this.module.init();
  }

  stop(): Promise<void> {
    return this.module.close();
  }

  create(members: readonly string[], changed: Partial<GroupDescription> = {}, call = within(20_000)) {
    const request = { description: described(changed), members: [...members] };
    return this.module.get(ServiceGroups).create(request, call);
  }

  add(members: readonly string[], call = within(20_000), groupId = 'g1'): Promise<ServiceGroup> {
    return this.module.get(ServiceGroups).addMembers({ groupId, members: [...members] }, call);
  }

  remove(members: readonly string[], call = within(20_000), groupId = 'g1'): Promise<ServiceGroup> {
    return this.module.get(ServiceGroups).removeMembers({ groupId, members: [...members] }, call);
  }

  end(call = within(20_000), groupId = 'g1'): Promise<ServiceGroup> {
    return this.module.get(ServiceGroups).delete({ groupId }, call);
  }

  get(groupId = 'g1'): Promise<ServiceGroup> {
    return this.module.get(ServiceGroups).get({ groupId });
  }

  list(pageSize = 0, pageToken = '') {
    return this.module.get(ServiceGroups).list({ pageSize, pageToken });
  }

  join(entity: string, through = gatewayOf(parseEntityUri(entity).pnId), groupId = 'g1'): Promise<bigint> {
    const gateway = parseEntityUri(through);
    return this.module.get(Membership).change('join', { groupId, entity }, gateway, within(20_000));
  }

  leave(entity: string, through = gatewayOf(parseEntityUri(entity).pnId), groupId = 'g1'): Promise<bigint> {
    const gateway = parseEntityUri(through);
    return this.module.get(Membership).change('leave', { groupId, entity }, gateway, within(20_000));
  }

  /** A gateway opens its channel. */
  introduce(gateway: string, certificate = 1): Promise<void> {
    const receiver = { uri: gateway, fingerprint: Buffer.alloc(32, certificate) };
    return this.module.get(IntroduceGateway).execute(parseEntityUri(gateway), receiver);
  }
}

const MODULES = [ServiceGroupModule, MembershipModule, NoticesModule];
const CONFIG = { trustDomain: TRUST_DOMAIN, serverAddress: 'inside:7400', keyLocation: 'server.example:7400' };

/** A store, a CPNS Server, and the processes of an SMF on them. */
export class World {
  readonly server = new FakeServer();
  readonly log = new MemoryLog('smf');
  readonly #replicas: Replica[] = [];
  /** A process that only looks. */
  #looking!: Replica;

  private constructor(
    private readonly temporary: TemporaryStore,
    /** Handles of one store: replicas take turns. */
    private readonly stores: readonly [Store, ...Store[]],
  ) {}

  /** @param url of a Redis, on which each replica has connections of its own; an embedded store without one */
  static async create(url?: string): Promise<World> {
    const temporary = await temporaryStore();
    const stores: [Store, ...Store[]] =
      url === undefined ? [temporary.store] : [await openStore(url), await openStore(url)];
    const world = new World(temporary, stores);
    world.#looking = await world.#process(world.store);
    return world;
  }

  get store(): Store {
    return this.stores[0];
  }

  /** One more process, on the next handle of the store unless it has one of its own. */
  async replica(store = this.stores[this.#replicas.length % this.stores.length] ?? this.store): Promise<Replica> {
    return this.#keep(await this.#process(store));
  }

  /** A process that will be killed at a commit, counted from 1, which becomes durable or not. */
  async mortal({ at, durable }: { readonly at: number; readonly durable: boolean }): Promise<{
    readonly replica: Replica;
    readonly store: FailingStore;
  }> {
    const store = failingStore(this.store, { at, when: durable ? 'after' : 'before', reads: true });
    const replica = await this.#process(store, [{ provide: Patience, useValue: { milliseconds: 0 } }]);
    return { replica: this.#keep(replica), store };
  }

  noticeLog(gateway: string): DeliveryLog {
    return this.#looking.module.get(NoticeLogs).of(gateway);
  }

  /** What is in a gateway's log: `group.revision`. */
  async told(gateway: string): Promise<string[]> {
    const { entries } = await this.noticeLog(gateway).read(0n, 1_000);
    return entries.map(({ dedupeId }) => dedupeId);
  }

  /** What the gateway is sent, each notice as it would be sent now. */
  async notices(gateway: string) {
    const { entries } = await this.noticeLog(gateway).read(0n, 1_000);
    const notices = this.#looking.module.get(SendNotice);
    return Promise.all(entries.map(async (entry) => (await notices.execute(gateway, entry)).notice!));
  }

  async outboxOf(groupId = 'g1'): Promise<string[]> {
    const { entries } = await this.store.readLog({ kind: 'service-group', id: groupId }, 'outbox', 0n, 1_000);
    return entries.map(({ dedupeId }) => dedupeId);
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#replicas.map((replica) => replica.stop()));
    await Promise.all(this.stores.map((store) => store.close()));
    await this.temporary.dispose();
  }

  async #process(store: Store, overrides: NonNullable<TestProcess['overrides']> = []): Promise<Replica> {
    const module = await testProcess({
      name: 'smf',
      uri: `cpns://${TRUST_DOMAIN}/service/smf`,
      store,
      modules: MODULES,
      logger: this.log.logger,
      providers: [{ provide: SmfConfig, useValue: CONFIG }],
      overrides: [{ provide: ServerLink, useValue: this.server }, ...overrides],
    });
    return new Replica(module);
  }

  #keep(replica: Replica): Replica {
    this.#replicas.push(replica);
    return replica;
  }
}
