/** One device's {@link GroupKeys} on memory states, against a {@link FakeGroups}. */
import { EntityUserKey, systemRandom } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { TestServer } from '@cpns/group-key/testing';
import { deriveKeyId } from '@cpns/key-derivation';
import { MemoryLog } from '@cpns/telemetry/testing';
import { GroupKeys, type GroupKeysContext } from '../group-key/group-keys';
import type { LiveKey } from '../state/device-state';
import { GATEWAY, SERVER } from './fake-assigner';
import { FakeGroups } from './fake-groups';
import { MemoryGroupStates } from './memory-group-states';

export const GROUP = 'living-room';

export class GroupBench {
  readonly log = new MemoryLog();
  readonly groups: FakeGroups;
  #opened: GroupKeys[] = [];

  private constructor(
    readonly server: TestServer,
    readonly clock: FakeClock,
  ) {
    this.groups = new FakeGroups({ credentials: server.credentials, clock });
  }

  static async create(): Promise<GroupBench> {
    const clock = new FakeClock();
    return new GroupBench(await TestServer.create({ clock }), clock);
  }

  /** The same Server without any groups, later than all before. */
  fresh(): GroupBench {
    this.close();
    return new GroupBench(this.server, this.clock);
  }

  member(name: string, more: Partial<LiveKey> = {}): TestMember {
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
      ...more,
    };
    this.groups.register(live);
    return new TestMember(this, live);
  }

  opened(keys: GroupKeys): GroupKeys {
    this.#opened.push(keys);
    return keys;
  }

  close(): void {
    for (const keys of this.#opened.splice(0)) keys.close();
  }
}

export class TestMember {
  readonly states = new MemoryGroupStates();
  /** As the process has it that runs now. */
  keys: GroupKeys;

  constructor(
    private readonly bench: GroupBench,
    public live: LiveKey,
  ) {
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

  /** All that is durable, as text that can be compared. */
  snapshot(): string {
    const plain = (_name: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
    const { stored, replay } = this.states;
    const keys = [...stored].map(([id, { keyring }]) => [
      id,
      keyring.versions.map(({ groupKey }) => groupKey?.expose().toString('hex')),
    ]);
    return JSON.stringify([[...stored], keys, [...replay]], plain);
  }
}
