/** What no gateway says on its channels: acknowledgements from the future, and openings out of order. */
import {
  GroupKeyDeliveryServiceService,
  OpenDeliveryChannelRequest,
  OpenNoticeChannelRequest,
  ServiceGroupNoticeServiceService,
} from '@cpns/contracts';
import { TestGateway } from '@cpns/testing/bad-input';
import type { Wire } from '@cpns/testing/bad-input';
import { row, type Item, type Row } from '../../row';
import type { World } from '../../world';
import { BY_GATEWAY, BY_RELAY, refused, type Served } from './stage';

/** The same at CSKMF and at the SMF. */
type Saying = OpenDeliveryChannelRequest & OpenNoticeChannelRequest;

interface Channel extends Served {
  readonly name: string;
  readonly path: string;
  readonly clause: string;
  readonly encode: (message: Saying) => { finish(): Uint8Array };
}

const CHANNELS: readonly Channel[] = [
  {
    ...BY_GATEWAY,
    name: 'OpenDeliveryChannel',
    path: GroupKeyDeliveryServiceService.openDeliveryChannel.path,
    clause: 'FLOW-PUSH step 8',
    encode: (message) => OpenDeliveryChannelRequest.encode(message),
  },
  {
    ...BY_RELAY,
    name: 'OpenNoticeChannel',
    path: ServiceGroupNoticeServiceService.openNoticeChannel.path,
    clause: 'FLOW-PULL step 7',
    encode: (message) => OpenNoticeChannelRequest.encode(message),
  },
];

const opening = (lastSequence: bigint): Saying => ({ message: { $case: 'opening', value: { lastSequence } } });
const MISUSES = [
  [
    'opens behind the last entry there is',
    'an acknowledgement from the future',
    [opening(1_000_000n)],
    'FIELD_OUT_OF_RANGE',
  ],
  ['opens twice in one call', 'a channel opened out of order', [opening(0n), opening(0n)], 'MALFORMED_MESSAGE'],
] as const satisfies readonly (readonly [string, Item, readonly Saying[], string])[];

const PATIENCE_MS = 5_000;
/** How long a channel that is used rightly is watched for an end that must not come, milliseconds. */
const QUIET_MS = 200;

/** Takes whatever comes. @throws Refusal what ends the channel within the time */
async function talkOver(channel: Channel, wire: Wire, messages: readonly Saying[], patienceMs: number): Promise<void> {
  const talk = wire.talk(channel.path, { deadlineMs: 2 * PATIENCE_MS });
  try {
    for (const message of messages) talk.say(Buffer.from(channel.encode(message).finish()));
    const until = Date.now() + patienceMs;
    while (Date.now() < until) await talk.hear(until - Date.now());
  } finally {
    talk.close();
  }
}

/** A gateway of pn1 whose channels these rows alone open. */
const listening = (world: World): Promise<TestGateway> =>
  world.once('gateway with channels', async () => {
    const gateway = await TestGateway.enrol(world.deployment, 'pn1', 'listener');
    world.onStop(() => gateway.close());
    return gateway;
  });

export const CHANNEL_ROWS: readonly Row[] = CHANNELS.flatMap((channel) =>
  MISUSES.map(([id, item, messages, reason]) =>
    row<{ readonly world: World; readonly wire: Wire }>({
      id: `${id} (${channel.name})`,
      item,
      clause: channel.clause,
      at: channel.at,
      expect: refused(reason),
      arrange: async (world) => ({ world, wire: world.wireAs(channel.at, (await listening(world)).tls) }),
      // a newer channel of a gateway ends its older one: the one that is used rightly serves both rows
      good: ({ world, wire }) =>
        world.once(`honest ${channel.name}`, () => talkOver(channel, wire, [opening(0n)], QUIET_MS)),
      bad: ({ wire }) => talkOver(channel, wire, messages, PATIENCE_MS),
    }),
  ),
);
