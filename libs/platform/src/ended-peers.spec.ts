import { eventually, FakeClock, perTest, SeededRandom } from '@cpns/core/testing';
import type { Peer } from '@cpns/grpc';
import { at, type Records } from '@cpns/store';
import { recordsOn, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import {
  ENDED,
  ENDED_AGGREGATE,
  EndedPeers,
  endedPeerOf,
  FollowEndedPeers,
  wireEndedPeer,
  withEnded,
  type EndedPeer,
} from '.';
import { FakeEndedSource } from './testing';

const NOW = 1_000_000;
const ended = (by: EndedPeer['by'], value: string, until = 2 * NOW): EndedPeer => ({ by, value, endedAt: NOW, until });
const [ANN, BOB] = [ended('uri', 'cpns://td/operator/ann'), ended('uri', 'cpns://td/operator/bob')];
const KEY = ended('key', 'ab'.repeat(32));
const gateways = (count: number) => Array.from({ length: count }, (_, n) => ended('certificate', String(n)));

describe('the list', () => {
  test.each<[string, readonly EndedPeer[], readonly EndedPeer[], readonly EndedPeer[]]>([
    ['has what is new at its end', [ANN], [BOB, KEY], [ANN, BOB, KEY]],
    ['has each once, as it was ended first', [ANN], [{ ...ANN, endedAt: 2 * NOW }], [ANN]],
    ['takes nothing back that a shorter one lacks', [ANN, BOB], [], [ANN, BOB]],
    ['forgets what is over', [{ ...ANN, until: NOW }, BOB], [{ ...KEY, until: NOW }], [BOB]],
    [
      'has the newest 1,024 of gateways, and all others',
      [ANN, ...gateways(1_024)],
      [ended('certificate', 'x')],
      [ANN, ...gateways(1_024).slice(1), ended('certificate', 'x')],
    ],
  ])('%s', (_what, list, more, expected) => expect(withEnded(list, more, NOW)).toEqual(expected));

  test.each([ANN, KEY, ended('certificate', 'cd'.repeat(32))])('goes over the wire: %j', (one) =>
    expect(endedPeerOf(wireEndedPeer(one))).toEqual([one]),
  );
});

const DAVE = { uri: 'cpns://td/operator/dave', keyDigest: Buffer.alloc(32), fingerprint: Buffer.alloc(32) } as Peer;
const isIn = (peers: EndedPeers, { value }: EndedPeer) => peers.has({ ...DAVE, uri: value });

describe('a service that follows the list', () => {
  class World {
    source!: FakeEndedSource;
    readonly clock = new FakeClock(NOW);
    readonly #over: (() => Promise<void>)[] = [];
    temporary!: TemporaryStore;
    records!: Records;

    async open(): Promise<void> {
      this.source = new FakeEndedSource();
      this.temporary = await temporaryStore();
      this.records = await recordsOn(this.temporary.store, 'kmc');
    }

    async start() {
      const peers = new EndedPeers();
      const random = new SeededRandom('follow');
      const follow = new FollowEndedPeers(this.source, peers, this.records, this.clock, random, new MemoryLog().logger);
      await follow.onModuleInit();
      follow.onApplicationBootstrap();
      const stop = () => follow.onApplicationShutdown();
      this.#over.push(stop);
      return { peers, follow, stop };
    }

    readonly stored = async () => (await this.records.read(ENDED_AGGREGATE, { ended: at(ENDED) })).ended?.entries;

    async close(): Promise<void> {
      for (const stop of this.#over.splice(0)) await stop();
      await this.temporary.dispose();
    }
  }
  const world = perTest(new World());

  it('hears the whole list, each change of it, and writes it down', async () => {
    world.source.tell(ANN);
    const { peers, follow } = await world.start();
    await eventually(() => expect([isIn(peers, ANN), isIn(peers, BOB), follow.following]).toEqual([true, false, true]));
    world.source.tell(ANN, BOB);
    await eventually(async () => expect(await world.stored()).toEqual([ANN, BOB]));
    expect(isIn(peers, BOB)).toBe(true);
  });

  it('begins with what it heard before, also while the Server is away', async () => {
    world.source.tell(ANN);
    const first = await world.start();
    await eventually(async () => expect(await world.stored()).toEqual([ANN]));
    await first.stop();
    world.source.away = true;
    const { peers, follow } = await world.start();
    expect([isIn(peers, ANN), follow.following]).toEqual([true, false]);
  });

  it('takes nothing back when the Server has lost its list', async () => {
    world.source.tell(ANN);
    const { peers } = await world.start();
    await eventually(async () => expect(await world.stored()).toEqual([ANN]));
    world.source.tell(BOB);
    await eventually(async () => expect(await world.stored()).toEqual([ANN, BOB]));
    expect([isIn(peers, ANN), isIn(peers, BOB)]).toEqual([true, true]);
  });

  it('opens the stream again when it broke, and knows meanwhile that it does not follow', async () => {
    const { peers, follow } = await world.start();
    await eventually(() => expect(follow.following).toBe(true));
    world.source.away = true;
    await eventually(() => expect([follow.following, world.source.opened > 1]).toEqual([false, true]));
    world.source.away = false;
    world.source.tell(BOB);
    await eventually(() => expect([follow.following, isIn(peers, BOB)]).toEqual([true, true]));
  });
});
