/** What no gateway says on its channels: acknowledgements from the future, and openings out of order. */
import {
  GroupKeyDeliveryServiceService,
  OpenDeliveryChannelRequest,
  OpenDeliveryChannelResponse,
  OpenNoticeChannelRequest,
  OpenNoticeChannelResponse,
  ServiceGroupNoticeServiceService,
} from '@cpns/contracts';
import { TestGateway } from '../../../support/test-gateway';
import type { Talk, Wire } from '../../../support/wire';
import { row, type Expectation, type Item, type Row } from '../../row';
import type { Port, World } from '../../world';
import { acknowledge, encoded, heardOut, inTurn, opening, type Saying } from './channel-stage';
import { group, groupsOf, members } from './stage';

interface Channel {
  readonly name: string;
  readonly at: Port;
  readonly path: string;
  readonly encode: (message: Saying) => Buffer;
  readonly sequenceOf: (response: Buffer) => bigint;
  readonly clause: string;
}

const CHANNELS: readonly Channel[] = [
  {
    name: 'OpenDeliveryChannel',
    at: 'Server certificate',
    path: GroupKeyDeliveryServiceService.openDeliveryChannel.path,
    encode: (message) => encoded(OpenDeliveryChannelRequest, message),
    sequenceOf: (response) => OpenDeliveryChannelResponse.decode(response).sequence,
    clause: 'FLOW-PUSH step 8',
  },
  {
    name: 'OpenNoticeChannel',
    at: 'SMF certificate',
    path: ServiceGroupNoticeServiceService.openNoticeChannel.path,
    encode: (message) => encoded(OpenNoticeChannelRequest, message),
    sequenceOf: (response) => OpenNoticeChannelResponse.decode(response).sequence,
    clause: 'FLOW-PULL step 7',
  },
];

const PATIENCE_MS = 5_000;
const QUIET_MS = 200;

/** A gateway's end of one channel, and what it was sent over it so far. */
class Listener {
  constructor(
    private readonly channel: Channel,
    private readonly talk: Talk,
  ) {}

  say(...messages: readonly Saying[]): void {
    for (const message of messages) this.talk.say(this.channel.encode(message));
  }

  async entry(): Promise<bigint> {
    const response = await this.talk.hear(PATIENCE_MS);
    if (response === undefined) throw new Error('nothing came over the channel');
    return this.channel.sequenceOf(response);
  }
}

/** A gateway of pn1 with a channel of either kind that nobody else opens; three pushed versions wait on each. */
const listening = (world: World): Promise<Record<Port, Wire>> =>
  world.once('gateway with channels', async () => {
    const gateway = await TestGateway.enrol(world.deployment, 'pn1', 'listener');
    world.onStop(() => gateway.close());
    const wires = Object.fromEntries(CHANNELS.map(({ at }) => [at, world.wireAs(at, gateway.tls)]));
    const [first = '', ...others] = await members(world, 3);
    // a gateway is told of groups from its first channel on
    for (const channel of CHANNELS)
      await talkOver(channel, wires[channel.at]!, (listener) => Promise.resolve(listener.say(opening(0n))), QUIET_MS);
    const groupId = await group(world, [first], { delivery: 'push' });
    for (const other of others) await groupsOf(world).addMembers(groupId, [other]);
    return wires as Record<Port, Wire>;
  });

/** @throws Refusal what ends the channel within the time */
async function talkOver(
  channel: Channel,
  wire: Wire,
  act: (listener: Listener) => Promise<unknown>,
  patienceMs: number,
): Promise<void> {
  const talk = wire.talk(channel.path, { deadlineMs: 2 * PATIENCE_MS });
  try {
    await act(new Listener(channel, talk));
    await heardOut(talk, patienceMs);
  } finally {
    talk.close();
  }
}

interface Misuse {
  readonly id: string;
  readonly item: Item;
  readonly act: (listener: Listener) => Promise<unknown>;
  readonly expect: Expectation;
}

const OUT_OF_RANGE: Expectation = { code: 'INVALID_ARGUMENT', reason: 'FIELD_OUT_OF_RANGE' };
const MALFORMED: Expectation = { code: 'INVALID_ARGUMENT', reason: 'MALFORMED_MESSAGE' };
const says =
  (...messages: readonly Saying[]) =>
  (listener: Listener) => {
    listener.say(...messages);
    return Promise.resolve();
  };

const MISUSES: readonly Misuse[] = [
  {
    id: 'acknowledges the entry after the last one that was sent',
    item: 'an acknowledgement from the future',
    act: async (listener) => {
      listener.say(opening(0n));
      listener.say(acknowledge((await listener.entry()) + 1_000n));
    },
    expect: OUT_OF_RANGE,
  },
  {
    id: 'acknowledges entry 2^64 - 1',
    item: 'an acknowledgement from the future',
    act: says(opening(0n), acknowledge(2n ** 64n - 1n)),
    expect: OUT_OF_RANGE,
  },
  {
    id: 'opens behind the last entry there is',
    item: 'an acknowledgement from the future',
    act: says(opening(1_000_000n)),
    expect: OUT_OF_RANGE,
  },
  {
    id: 'opens before entries that it acknowledged',
    item: 'a channel opened out of order',
    act: says(opening(1n)),
    expect: OUT_OF_RANGE,
  },
  {
    id: 'acknowledges before it opens',
    item: 'a channel opened out of order',
    act: says(acknowledge(1n)),
    expect: MALFORMED,
  },
  {
    id: 'opens twice in one call',
    item: 'a channel opened out of order',
    act: says(opening(0n), opening(0n)),
    expect: MALFORMED,
  },
  {
    id: 'begins with an empty message',
    item: 'a channel opened out of order',
    act: says({ message: undefined }),
    expect: { code: 'INVALID_ARGUMENT', reason: 'FIELD_MISSING', field: 'message' },
  },
  {
    id: 'goes on with an empty message',
    item: 'a channel opened out of order',
    act: says(opening(0n), { message: undefined }),
    expect: { code: 'INVALID_ARGUMENT', reason: 'FIELD_MISSING', field: 'message' },
  },
];

/** The first time it acknowledges two entries, and keeps the third. */
const honestly = (channel: Channel, wire: Wire): Promise<void> =>
  talkOver(
    channel,
    wire,
    async (listener) => {
      listener.say(opening(0n));
      const sequence = await listener.entry();
      if (sequence <= 2n) listener.say(acknowledge(2n));
    },
    QUIET_MS,
  );

const channelRow = (channel: Channel, { id, item, act, expect }: Misuse): Row =>
  row<{ readonly world: World; readonly wire: Wire }>({
    id: `${id} (${channel.name})`,
    item,
    clause: channel.clause,
    at: channel.at,
    expect,
    arrange: async (world) => ({ world, wire: (await listening(world))[channel.at] }),
    good: ({ world, wire }) => inTurn(world, channel.name, () => honestly(channel, wire)),
    bad: ({ wire }) => talkOver(channel, wire, act, PATIENCE_MS),
    after: ({ world, wire }) => inTurn(world, channel.name, () => honestly(channel, wire)),
  });

export const CHANNEL_ROWS: readonly Row[] = CHANNELS.flatMap((channel) =>
  MISUSES.map((misuse) => channelRow(channel, misuse)),
);
