/** What no gateway says on its channels: acknowledgements from the future, and openings out of order. */
import {
  GroupKeyDeliveryServiceService,
  ServiceGroupNoticeServiceService,
  type OpenDeliveryChannelRequest,
  type OpenNoticeChannelRequest,
} from '@cpns/contracts';
import type { Connection, TwoWayStream } from '@cpns/grpc';
import { BEGINNING, receiverWire } from '@cpns/delivery';
import { LightGateway } from '@cpns/testing';
import { row } from '@cpns/testing/bad-input';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../../phase';
import type { World } from '../../world';

/** The same at CSKMF and at the SMF. */
type Saying = OpenDeliveryChannelRequest & OpenNoticeChannelRequest;
type Channel = Pick<TwoWayStream<Saying, unknown>, 'write' | 'cancel' | typeof Symbol.asyncIterator>;

/** FLOW-PUSH step 8, and FLOW-PULL step 7. */
const CHANNELS: readonly (readonly [name: string, at: 'Server' | 'SMF', open: (to: Connection) => Channel])[] = [
  ['OpenDeliveryChannel', 'Server', (to) => to.client(GroupKeyDeliveryServiceService).openDeliveryChannel()],
  ['OpenNoticeChannel', 'SMF', (to) => to.client(ServiceGroupNoticeServiceService).openNoticeChannel()],
];

const PROCESS_ID = randomBytes(16);
const OPENING: Saying = receiverWire({
  kind: 'opening',
  opening: { position: BEGINNING, processId: PROCESS_ID, resynchronise: false },
});
const FROM_THE_FUTURE: Saying = receiverWire({
  kind: 'acknowledge',
  position: { sequence: 1_000_000n, entryId: randomBytes(16) },
});
const FUTURE = 'an acknowledgement from the future';
const ORDER = 'a channel opened out of order';
const MISUSES = [
  ['acknowledges an entry that was not sent', FUTURE, 'FIELD_OUT_OF_RANGE', [OPENING, FROM_THE_FUTURE]],
  ['opens twice in one call', ORDER, 'MALFORMED_MESSAGE', [OPENING, OPENING]],
] as const;

const PATIENCE_MS = 5_000;
/** How long a channel that is used rightly is watched for an end that must not come, milliseconds. */
const QUIET_MS = 200;

/** Takes whatever comes. @throws CpnsError what ends the channel within the time */
async function talkOver(channel: Channel, messages: readonly Saying[], patienceMs: number): Promise<void> {
  const hear = async () => {
    for await (const entry of channel) expect(entry).toBeDefined();
  };
  const talk = Promise.all([hear(), ...messages.map((message) => channel.write(message))]);
  await Promise.race([talk, sleep(patienceMs)]).finally(() => channel.cancel());
}

/** A gateway of pn1 whose channels these rows alone open, and its connections to both. */
const listening = (world: World) =>
  world.once('gateway with channels', async () => {
    const gateway = await LightGateway.enrol(world.deployment, { pn: 'pn1', id: 'listener' });
    world.onStop(() => gateway.close());
    return { Server: gateway.connect('cpns-server'), SMF: gateway.connect('smf') };
  });

export const CHANNEL_ROWS: readonly Row[] = CHANNELS.flatMap(([name, service, open]) =>
  MISUSES.map(([id, item, expect, messages]) =>
    row<World>([`${id} (${name})`, item, expect], `${service} certificate`, async (world) => {
      const connection = (await listening(world))[service];
      return {
        // a newer channel of a gateway ends its older one: the one that is used rightly serves both rows
        good: () => world.once(`honest ${name}`, () => talkOver(open(connection), [OPENING], QUIET_MS)),
        bad: () => talkOver(open(connection), messages, PATIENCE_MS),
      };
    }),
  ),
);
