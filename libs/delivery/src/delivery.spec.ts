import { CpnsError } from '@cpns/core';
import { openStore, type Position } from '@cpns/store';
import { temporaryStore } from '@cpns/store/testing';
import fc from 'fast-check';
import type { ReceiverChannel, ReceiverMessage } from './channel';
import { DeliveryClient } from './delivery-client';
import { DeliveryLog } from './delivery-log';
import { ClaimedLog } from './claimed-log';
import { BEGINNING } from './sender';
import {
  channelPair,
  eventually,
  immediateTimers,
  openingAt,
  plainReceiver,
  sendersOf,
  type SendersOf,
  type WireEntry,
} from './testing';

// a busy machine is slow, and none of this is about speed
jest.setTimeout(30_000);

/** Where either side dies. The number of the entry at which it does comes with it. */
const POINTS = [
  'receiver before its commit',
  'receiver after its commit, before the acknowledgement',
  'receiver after the acknowledgement was sent',
  'connection before the opening',
  'connection while the entry is written',
  'sender after the acknowledgement arrived, before the trim',
  'sender process, which starts again',
] as const;
interface Death {
  readonly point: (typeof POINTS)[number];
  readonly at: number;
}

/** What outlives the receiver: its effects and its last sequence, committed together. */
interface Durable {
  last: Position;
  readonly effects: string[];
}

class Killed extends Error {}

/** Sender and receiver with a list of deaths to die, each once. */
class World {
  readonly durable: Durable = { last: BEGINNING, effects: [] };
  readonly died: string[] = [];
  #sender: SendersOf;

  constructor(
    private readonly start: () => Promise<SendersOf>,
    sender: SendersOf,
    private readonly deaths: Death[],
    private readonly capacity: number,
  ) {
    this.#sender = sender;
  }

  /** True when this death is due, which it then has died. */
  due(point: Death['point'], at: bigint): boolean {
    const index = this.deaths.findIndex((death) => death.point === point && BigInt(death.at) === at);
    if (index < 0) return false;
    this.died.push(point);
    this.deaths.splice(index, 1);
    return true;
  }

  open(): ReceiverChannel<WireEntry, ReceiverMessage> {
    const pair = channelPair<ReceiverMessage, WireEntry>(this.capacity);
    const write = async (message: WireEntry) => {
      if (this.due('connection while the entry is written', message.sequence)) pair.cut();
      if (this.due('sender process, which starts again', message.sequence)) {
        this.#sender.stop();
        this.#sender = await this.start();
      }
      await pair.sender.write(message);
    };
    this.#cut = pair.cut;
    this.#sender.serve(GATEWAY, { ...pair.sender, write }).then(
      () => pair.finish(),
      (error: Error) => pair.finish(error),
    );
    return {
      ...pair.receiver,
      write: async (message) => {
        if (message.kind === 'alive') return pair.receiver.write(message);
        const { sequence } = message.kind === 'opening' ? message.opening.position : message.position;
        if (message.kind === 'opening' && this.due('connection before the opening', sequence)) pair.cut();
        if (
          message.kind === 'acknowledge' &&
          this.due('receiver after its commit, before the acknowledgement', sequence)
        )
          pair.cut();
        await pair.receiver.write(message);
        if (message.kind === 'acknowledge' && this.due('receiver after the acknowledgement was sent', sequence))
          pair.cut();
      },
    };
  }

  handle({ text }: WireEntry, position: Position): Promise<void> {
    if (this.due('receiver before its commit', position.sequence)) return Promise.reject(new Killed());
    this.durable.effects.push(text);
    this.durable.last = position;
    return Promise.resolve();
  }

  #cut: () => void = () => undefined;

  /** The process of the sender dies when it would forget what was acknowledged. */
  trims(acknowledge: ClaimedLog['acknowledge']): ClaimedLog['acknowledge'] {
    return (token, position, head) => {
      if (!this.due('sender after the acknowledgement arrived, before the trim', position.sequence))
        return acknowledge(token, position, head);
      this.#cut();
      return Promise.reject(new CpnsError('DEPENDENCY_UNAVAILABLE', 'killed'));
    };
  }
}

const GATEWAY = { uri: 'gw1', fingerprint: Buffer.alloc(32) };

describe('delivery, whoever dies and wherever', () => {
  const delivered = async (entries: number, deaths: Death[], window: number, capacity: number) => {
    const { store, dispose } = await temporaryStore();
    const stop = new AbortController();
    try {
      const log = new DeliveryLog(store, { kind: 'gateway', id: 'gw1' }, 'delivery');
      const start = () => sendersOf(store, log, { window, timers: immediateTimers, pollEvery: 1 });
      const world = new World(start, await start(), deaths, capacity);
      const acknowledge = Reflect.get<ClaimedLog, 'acknowledge'>(ClaimedLog.prototype, 'acknowledge');
      jest.spyOn(ClaimedLog.prototype, 'acknowledge').mockImplementation(function (this: ClaimedLog, ...args) {
        return world.trims(acknowledge.bind(this))(...args);
      });
      const client = new DeliveryClient<WireEntry, ReceiverMessage>({
        codec: plainReceiver,
        open: () => world.open(),
        position: () => Promise.resolve(world.durable.last),
        handle: (entry, position) => world.handle(entry, position),
        timers: immediateTimers,
      });
      const running = client.run(stop.signal);
      // some entries are there before the first channel is, some come while it runs
      for (let n = 1; n <= entries; n++) await log.append(`${n}`, Buffer.from(`${n}`));
      await eventually(async () => expect((await log.read(0n, 1)).trimmedTo).toBe(BigInt(entries)));
      stop.abort();
      await running;
      return { effects: world.durable.effects, died: world.died, log: await log.read(0n, 10) };
    } finally {
      jest.restoreAllMocks();
      await dispose();
    }
  };
  const expected = (entries: number) => Array.from({ length: entries }, (_, index) => `${index + 1}`);

  it.each(POINTS)('gives each entry exactly once and in order when the %s dies', async (point) => {
    const at = point === 'connection before the opening' ? 0 : 3;
    const { effects, died, log } = await delivered(6, [{ point, at }], 4, 2);
    expect(died).toEqual([point]);
    expect(effects).toEqual(expected(6));
    expect(log).toMatchObject({ entries: [], trimmedTo: 6n });
  });

  it('gives each entry exactly once and in order for any deaths, window and back-pressure (property)', async () => {
    const death = fc.record({ point: fc.constantFrom(...POINTS), at: fc.integer({ min: 0, max: 8 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.array(death, { maxLength: 8 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 3 }),
        async (entries, deaths, window, capacity) => {
          const { effects, log } = await delivered(entries, [...deaths], window, capacity);
          expect(effects).toEqual(expected(entries));
          expect(log).toMatchObject({ entries: [], trimmedTo: BigInt(entries) });
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  it('wakes across handles of one store', async () => {
    const { store, url, dispose } = await temporaryStore();
    const writer = await openStore(url);
    const pair = channelPair<ReceiverMessage, WireEntry>();
    const log = new DeliveryLog(store, { kind: 'gateway', id: 'gw1' }, 'delivery');
    const senders = await sendersOf(store, log, { pollEvery: 60_000 });
    const served = senders.serve(GATEWAY, pair.sender);
    await pair.receiver.write(openingAt(0n));
    const entries = pair.receiver[Symbol.asyncIterator]();
    expect((await entries.next()).value).toMatchObject({ said: { kind: 'state' } });
    await new DeliveryLog(writer, log.aggregate, log.log).append('x', Buffer.from('x'));
    expect((await entries.next()).value).toMatchObject({ sequence: 1n, text: 'x' });
    pair.receiver.end();
    await served;
    await writer.close();
    await dispose();
  });
});
