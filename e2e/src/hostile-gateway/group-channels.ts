import type { OpenDeliveryChannelRequest, OpenNoticeChannelRequest } from '@cpns/contracts';
import type { TwoWayStream } from '@cpns/grpc';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayLinks } from '../support/served-gateway';
import type { Attempt } from './attempt';
import type { Scene } from './scene';
import { as } from './ways';

/** What a gateway says on a channel: the same at CSKMF and at the SMF. */
type Saying = OpenDeliveryChannelRequest & OpenNoticeChannelRequest;
type Channel = TwoWayStream<Saying, { readonly sequence: bigint }>;
type Open = (links: GatewayLinks) => Channel;

const CHANNELS: Readonly<Record<string, Open>> = {
  delivery: ({ deliveries }) => deliveries.openDeliveryChannel(),
  notice: ({ notices }) => notices.openNoticeChannel(),
};

const opening = (lastSequence: bigint): Saying => ({ message: { $case: 'opening', value: { lastSequence } } });
const acknowledge = (sequence: bigint): Saying => ({ message: { $case: 'acknowledge', value: sequence } });

/** How long a channel that is used rightly is watched for an end that must not come, milliseconds. */
const QUIET_MS = 400;
/** How long it may take to say what there is, or that it ends, milliseconds. */
const PATIENCE_MS = 15_000;

type Entry = IteratorResult<{ readonly sequence: bigint }>;

/** One channel, and what comes over it. */
class Hearing {
  #next: Promise<Entry> | undefined;
  readonly #entries: AsyncIterator<{ readonly sequence: bigint }>;

  constructor(private readonly channel: Channel) {
    this.#entries = channel[Symbol.asyncIterator]();
  }

  async say(...messages: readonly Saying[]): Promise<void> {
    for (const message of messages) await this.channel.write(message);
  }

  /** The sequence of the next entry. @throws what ended the channel */
  async entry(): Promise<bigint> {
    const found = await this.#within(PATIENCE_MS);
    if (found === undefined || found.done === true) throw new Error('nothing came over the channel');
    return found.value.sequence;
  }

  /** Takes whatever comes. @throws what the channel ends with, within this time */
  async hearOut(patienceMs: number): Promise<void> {
    const until = Date.now() + patienceMs;
    while (Date.now() < until) {
      const found = await this.#within(until - Date.now());
      if (found === undefined || found.done === true) return;
    }
  }

  close(): void {
    // what it ends with from here on is our own doing
    this.#next?.catch(() => undefined);
    this.channel.cancel();
  }

  async #within(ms: number): Promise<Entry | undefined> {
    this.#next ??= this.#entries.next();
    const over = new AbortController();
    const late = sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
    const found = await Promise.race([this.#next, late]).finally(() => over.abort());
    if (found !== undefined) this.#next = undefined;
    return found;
  }
}

/** With the accomplice, whose entries nobody else reads; a new push group sees to it that there is one on each channel. */
const over = (open: Open, patienceMs: number, act: (hearing: Hearing) => Promise<unknown>) => async (scene: Scene) => {
  await scene.groups.victim({ delivery: 'push' });
  return as(scene, scene.accomplice, async (links) => {
    const hearing = new Hearing(open(links));
    try {
      await act(hearing);
      await hearing.hearOut(patienceMs);
    } finally {
      hearing.close();
    }
  });
};

/** What no gateway says on a channel. */
const attemptsOn = (name: string, open: Open): readonly Attempt[] => {
  const honest = over(open, QUIET_MS, async (hearing) => {
    await hearing.say(opening(0n));
    await hearing.say(acknowledge(await hearing.entry()));
  });
  const attempt = (act: (hearing: Hearing) => Promise<unknown>) => over(open, PATIENCE_MS, act);
  return [
    {
      name: `acknowledges what was never sent, on its ${name} channel`,
      honest,
      attempt: attempt(async (hearing) => {
        await hearing.say(opening(0n));
        await hearing.say(acknowledge((await hearing.entry()) + 1_000n));
      }),
      reason: 'FIELD_OUT_OF_RANGE',
    },
    {
      name: `opens its ${name} channel behind the last entry there is`,
      honest,
      attempt: attempt((hearing) => hearing.say(opening(1_000_000n))),
      reason: 'FIELD_OUT_OF_RANGE',
    },
    {
      name: `acknowledges before it opens its ${name} channel`,
      honest,
      attempt: attempt((hearing) => hearing.say(acknowledge(1n))),
      reason: 'MALFORMED_MESSAGE',
    },
    {
      name: `opens its ${name} channel twice in one call`,
      honest,
      attempt: attempt((hearing) => hearing.say(opening(0n), opening(0n))),
      reason: 'MALFORMED_MESSAGE',
    },
  ];
};

/** The channels over which a gateway gets its notices and its pushed Group Keys. */
export const GROUP_CHANNELS: readonly Attempt[] = Object.entries(CHANNELS).flatMap(([name, open]) =>
  attemptsOn(name, open),
);
