import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GroupKeyDeliveryMode, type GroupDescription, type ServiceGroup } from '@cpns/contracts';
import { systemClock, systemRandom, parseEntityUri } from '@cpns/core';
import type { OutboxRelay } from '@cpns/delivery';
import { openRecords, Records, openStore, type Store } from '@cpns/store';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { groupOutbox } from '../changes/group-outbox';
import { ProposeChange } from '../changes/propose-change';
import { Settlements } from '../changes/settlements';
import type { SmfContext, Waiting } from '../context';
import { JoinServiceGroup } from '../membership/join-service-group/join-service-group';
import { LeaveServiceGroup } from '../membership/leave-service-group/leave-service-group';
import { IntroduceGateway } from '../notices/introduce-gateway';
import { noticeLog } from '../notices/notice-log';
import { noticeFor } from '../notices/send-notice';
import { AddMembers } from '../service-group/add-members/add-members';
import { CreateServiceGroup } from '../service-group/create-service-group/create-service-group';
import { DeleteServiceGroup } from '../service-group/delete-service-group/delete-service-group';
import { GetServiceGroup } from '../service-group/get-service-group/get-service-group';
import { ListServiceGroups } from '../service-group/list-service-groups/list-service-groups';
import { RemoveMembers } from '../service-group/remove-members/remove-members';
import { FakeServer } from './fake-server';
import { MortalStore, type Death } from './mortal-store';

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
  readonly outbox: OutboxRelay;
  readonly changes: ProposeChange;
  readonly #over = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    readonly smf: SmfContext,
    patience?: number,
  ) {
    const settlements = new Settlements();
    this.outbox = groupOutbox(smf, settlements);
    this.changes = new ProposeChange(smf, this.outbox, settlements, patience);
  }

  /** What it does behind the calls. */
  run(): void {
    this.#running = this.outbox.run(this.#over.signal);
  }

  async stop(): Promise<void> {
    this.#over.abort();
    // one that never ran has to learn that it is over, so that it tries nothing again
    await (this.#running ?? this.outbox.run(this.#over.signal));
  }

  create(members: readonly string[], changed: Partial<GroupDescription> = {}, call = within(20_000)) {
    const request = { description: described(changed), members: [...members] };
    return new CreateServiceGroup(this.smf, this.changes).execute(request, call);
  }

  add(members: readonly string[], call = within(20_000), groupId = 'g1'): Promise<ServiceGroup> {
    return new AddMembers(this.smf, this.changes).execute({ groupId, members: [...members] }, call);
  }

  remove(members: readonly string[], call = within(20_000), groupId = 'g1'): Promise<ServiceGroup> {
    return new RemoveMembers(this.smf, this.changes).execute({ groupId, members: [...members] }, call);
  }

  end(call = within(20_000), groupId = 'g1'): Promise<ServiceGroup> {
    return new DeleteServiceGroup(this.smf, this.changes).execute({ groupId }, call);
  }

  get(groupId = 'g1'): Promise<ServiceGroup> {
    return new GetServiceGroup(this.smf).execute({ groupId });
  }

  list(pageSize = 0, pageToken = '') {
    return new ListServiceGroups(this.smf).execute({ pageSize, pageToken });
  }

  join(entity: string, through = gatewayOf(parseEntityUri(entity).pnId), groupId = 'g1'): Promise<bigint> {
    const gateway = parseEntityUri(through);
    return new JoinServiceGroup(this.smf, this.changes).execute({ groupId, entity }, gateway, within(20_000));
  }

  leave(entity: string, through = gatewayOf(parseEntityUri(entity).pnId), groupId = 'g1'): Promise<bigint> {
    const gateway = parseEntityUri(through);
    return new LeaveServiceGroup(this.smf, this.changes).execute({ groupId, entity }, gateway, within(20_000));
  }

  /** A gateway opens its channel. */
  introduce(gateway: string, certificate = 1): Promise<void> {
    const receiver = { uri: gateway, fingerprint: Buffer.alloc(32, certificate) };
    return new IntroduceGateway(this.smf).execute(parseEntityUri(gateway), receiver);
  }
}

/** A store, a CPNS Server, and the processes of an SMF on them. */
export class World {
  readonly server = new FakeServer();
  readonly log = new MemoryLog('smf');
  readonly #replicas: Replica[] = [];

  private constructor(
    private readonly temporary: TemporaryStore,
    /** Handles of one store: replicas take turns. */
    private readonly stores: readonly [Store, ...Store[]],
    private readonly records: Records,
  ) {}

  /** @param url of a Redis, on which each replica has connections of its own; an embedded store without one */
  static async create(url?: string): Promise<World> {
    const temporary = await temporaryStore();
    const masterKeyFile = join(temporary.directory, 'master.key');
    writeFileSync(masterKeyFile, Buffer.alloc(32, 7).toString('hex'));
    chmodSync(masterKeyFile, 0o600);
    const stores: [Store, ...Store[]] =
      url === undefined ? [temporary.store] : [await openStore(url), await openStore(url)];
    return new World(temporary, stores, await openRecords({ store: stores[0], service: 'smf', masterKeyFile }));
  }

  get store(): Store {
    return this.stores[0];
  }

  context(store: Store = this.store): SmfContext {
    return {
      uri: `cpns://${TRUST_DOMAIN}/service/smf`,
      trustDomain: TRUST_DOMAIN,
      clock: systemClock,
      random: systemRandom,
      store,
      records: new Records(store, this.records.sealer),
      server: this.server,
      keyLocation: 'server.example:7400',
      logger: this.log.logger,
      over: new AbortController().signal,
    };
  }

  /** One more process. */
  replica(): Replica {
    const replica = new Replica(this.context(this.stores[this.#replicas.length % this.stores.length]));
    this.#replicas.push(replica);
    return replica;
  }

  /** A process that will die. */
  mortal(death: Death): { readonly replica: Replica; readonly store: MortalStore } {
    const store = new MortalStore(this.store, death);
    const replica = new Replica(this.context(store), 0);
    this.#replicas.push(replica);
    return { replica, store };
  }

  /** What is in a gateway's log: `group.revision`. */
  async told(gateway: string): Promise<string[]> {
    const { entries } = await noticeLog(this.context(), gateway).read(0n, 1_000);
    return entries.map(({ dedupeId }) => dedupeId);
  }

  /** What the gateway is sent, each notice as it would be sent now. */
  async notices(gateway: string) {
    const smf = this.context();
    const { entries } = await noticeLog(smf, gateway).read(0n, 1_000);
    return Promise.all(entries.map(async (entry) => (await noticeFor(smf, gateway, entry)).notice!));
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
}
