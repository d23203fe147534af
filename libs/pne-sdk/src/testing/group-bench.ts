/** Devices' {@link GroupKeys} on stores of their own, against a {@link FakeGroups}. */
import { EntityUserKey, systemRandom } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { TestServer } from '@cpns/group-key/testing';
import { deriveKeyId } from '@cpns/key-derivation';
import { Records, type Sealer, type Store } from '@cpns/store';
import { dump, recordsOn, temporaryStore, wrappedStore, type DumpedAggregate } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { GroupKeys, type GroupKeysContext } from '../group-key/group-keys';
import type { GroupState, GroupStates } from '../group-key/group-state';
import type { LiveKey } from '../state/device-state';
import { deviceAggregate, SealedDeviceStates } from '../state/sealed-device-states';
import { GATEWAY, SERVER } from './fake-assigner';
import { FakeGroups } from './fake-groups';

export const GROUP = 'living-room';

/** Of the running test. */
export let bench: GroupBench;
export let alice: TestMember;
export let bob: TestMember;
/** E of each of the two. */
export let both: string[];

/** A Server and a clock for the tests of a file; each of them begins with version 1 of {@link GROUP} for Alice and Bob. */
export function eachGroupBench(): void {
  jest.setTimeout(30_000);
  let stop: () => Promise<void>;
  beforeAll(async () => {
    const clock = new FakeClock();
    const { store, dispose } = await temporaryStore(clock);
    const { sealer } = await recordsOn(store);
    bench = new GroupBench(await TestServer.create(clock), clock, store, sealer);
    stop = dispose;
  });
  beforeEach(() => {
    bench = new GroupBench(bench.server, bench.clock, bench.store, bench.sealer);
    [alice, bob] = [bench.member('alice'), bench.member('bob')];
    both = [alice.entity, bob.entity];
    bench.groups.version(GROUP, both);
  });
  afterEach(() => bench.close());
  afterAll(() => stop());
}

let members = 0;

export class GroupBench {
  readonly log = new MemoryLog();
  readonly groups: FakeGroups;
  readonly #opened: GroupKeys[] = [];

  constructor(
    readonly server: TestServer,
    readonly clock: FakeClock,
    readonly store: Store,
    readonly sealer: Sealer,
  ) {
    this.groups = new FakeGroups(server);
  }

  member(name: string): TestMember {
    const secret = new EntityUserKey(systemRandom.bytes(32));
    const live: LiveKey = {
      entity: `cpns://pn1.example.org/pne/${name}`,
      user: '',
      gateway: GATEWAY,
      endpoint: '127.0.0.1:1',
      root: this.server.root,
      form: 'secret',
      tokenId: name,
      assigner: SERVER,
      secret,
      keyId: deriveKeyId(secret),
    };
    this.groups.register(live);
    return new TestMember(this, live);
  }

  opened(keys: GroupKeys): GroupKeys {
    this.#opened.push(keys);
    return keys;
  }

  close(): void {
    for (const keys of this.#opened) keys.close();
  }
}

export class TestMember {
  /** Of the device, in the store of all. */
  readonly name = `device-${++members}`;
  readonly states: GroupStates;
  /** Commits that were made. */
  commits = 0;
  /** Told of each commit before it is made; what it throws the commit fails with. */
  onCommit: (() => unknown) | undefined;
  /** As the process has it that runs now. */
  keys: GroupKeys;

  constructor(
    private readonly bench: GroupBench,
    public live: LiveKey,
  ) {
    const { store, sealer } = bench;
    const watched = wrappedStore(store, async (...change) => {
      await this.onCommit?.();
      this.commits += 1;
      return store.commit(...change);
    });
    this.states = new SealedDeviceStates(new Records(watched, sealer), this.name).groups;
    this.keys = this.start();
  }

  get entity(): string {
    return this.live.entity;
  }

  /** Another process on the same store. */
  start(more: Partial<GroupKeysContext> = {}): GroupKeys {
    const { clock, log, groups } = this.bench;
    return this.bench.opened(
      new GroupKeys({
        states: this.states,
        clock,
        random: systemRandom,
        logger: log.logger,
        channel: groups.channelOf(this.entity),
        liveKey: () => this.live,
        pause: () => new Promise((resolve) => setImmediate(resolve)),
        ...more,
      }),
    );
  }

  /** Ends this process and begins another one. */
  restart(): GroupKeys {
    this.keys.close();
    this.keys = this.start();
    return this.keys;
  }

  /** What is durable of {@link GROUP}. */
  async state(): Promise<GroupState> {
    return (await this.states.read(GROUP))!;
  }

  /** All that is durable, record by record. */
  async stored(): Promise<DumpedAggregate['records'] | undefined> {
    const { kind, id } = deviceAggregate(this.name);
    return (await dump(this.bench.store))[`${kind}/${id}`]?.records;
  }
}
