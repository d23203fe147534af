/** A store, a CPNS Server that is played, and the processes of an SMF on them. */
import type { GroupDescription, ServiceGroupNotice } from '@cpns/contracts';
import { eventually, type Opened } from '@cpns/core/testing';
import { OUTBOX, type DeliveryLog } from '@cpns/delivery';
import {
  deletedGroup,
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
import { SmfConfig } from '../config';
import { groupAggregate } from '../group-changes/groups';
import { Patience } from '../group-changes/execute-change';
import { NoticeLogs, SendNotice } from '../group-changes/notices';
import { MembershipModule } from '../membership/membership.module';
import { ServerLink } from '../peer-clients/server-link';
import { ServiceGroupModule } from '../service-group/service-group.module';
import { FakeServer } from './fake-server';
import { ANN, AT, BOB, CERTIFICATE, gatewayOf, KEYLESS, Replica, TRUST_DOMAIN, within } from './replica';

export * from './replica';

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
