/** Where a gateway goes on in its log, and what it is told anew where it cannot. */
import type { OpenDeliveryChannelRequest, OpenDeliveryChannelResponse } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { BEGINNING, receiverWire, WAITING_MAX } from '@cpns/delivery';
import { acknowledging, channelPair, openingAt } from '@cpns/delivery/testing';
import type { DuplexContext } from '@cpns/grpc';
import type { Position } from '@cpns/store';
import { GatewayLog } from '../gateway-log/gateway-log';
import { callOf, GW, pne, World } from '../testing/world';
import { GatewayDeliveryController } from './gateway-delivery.controller';

const A = pne('a');
const world = perTest(new World({ entities: [A], gateways: [GW] }));
const log = () => world.server.module.get(GatewayLog);
const tell = (change: string) => log().append(GW, { kind: 'credential', name: A }, change);

type Channel = DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>;
const serve = ({ signal, requests, write }: Pick<Channel, 'signal' | 'requests' | 'write'>) =>
  world.server.module
    .get(GatewayDeliveryController)
    .openDeliveryChannel(Object.assign(callOf(GW, signal), { requests, write }));

/** A channel that a gateway opens at a position. What it is sent comes one by one, without the sender's states. */
async function channelAt({ sequence, entryId }: Position = BEGINNING) {
  const { sender, receiver, cut } = channelPair<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>(100);
  const served = serve(sender).finally(() => cut());
  await receiver.write(receiverWire(openingAt(sequence, entryId)));
  const responses = receiver[Symbol.asyncIterator]();
  const hear = async (): Promise<OpenDeliveryChannelResponse> => {
    const next = await responses.next();
    if (next.done === true) throw new Error('the channel is over');
    return next.value.entry?.$case === 'state' ? hear() : next.value;
  };
  const hearAll = async (count: number) => {
    const heard: OpenDeliveryChannelResponse[] = [];
    while (heard.length < count) heard.push(await hear());
    return heard;
  };
  /** Goes, with an acknowledgement of what it heard last. @returns its position */
  const leave = async ({ sequence, entryId }: Position) => {
    await receiver.write(receiverWire(acknowledging({ sequence, entryId })));
    receiver.end();
    await served;
    return { sequence, entryId };
  };
  return { hearAll, leave };
}

const kinds = (heard: readonly OpenDeliveryChannelResponse[]) => heard.map(({ entry }) => entry?.$case);

/** A gateway that has its first snapshot. */
async function known(): Promise<Position> {
  await tell('1');
  const { hearAll, leave } = await channelAt();
  const heard = await hearAll(3);
  expect(kinds(heard)).toEqual(['snapshotBegin', 'credential', 'snapshotEnd']);
  expect(heard[0]?.entry?.value).toMatchObject({ doubtful: false });
  return leave(heard[2]!);
}

it('goes on behind its snapshot, and hears of each thing once', async () => {
  const position = await known();
  for (const change of ['2', '3', '4']) await tell(change);
  const { hearAll, leave } = await channelAt(position);
  const heard = await hearAll(3);
  expect(kinds(heard)).toEqual(['superseded', 'superseded', 'credential']);
  expect(heard.map(({ sequence }) => sequence)).toEqual([2n, 3n, 4n]);
  expect(await leave(heard[2]!)).toMatchObject({ sequence: 4n });
  expect((await log().of(GW).read(0n, 1)).trimmedTo).toBe(4n);
});

it('is sent no more entries than may wait, and a snapshot in their place', async () => {
  const position = await known();
  for (let n = 0n; n < WAITING_MAX; n += 64n)
    await Promise.all(Array.from({ length: 64 }, (_, more) => tell(`${n}-${more}`)));
  expect((await log().of(GW).read(0n, 1)).trimmedTo).toBe(1n);
  await tell('one-more');
  const { last, trimmedTo } = await log().of(GW).read(0n, 1);
  expect([last, trimmedTo]).toEqual([WAITING_MAX + 2n, WAITING_MAX + 2n]);
  // what was let go is not taken for delivered
  expect(await log().acknowledgedTo(GW)).toBe(0n);
  const { hearAll, leave } = await channelAt(position);
  const heard = await hearAll(3);
  expect(kinds(heard)).toEqual(['snapshotBegin', 'credential', 'snapshotEnd']);
  expect(heard[0]?.entry?.value).toMatchObject({ doubtful: false });
  expect(await leave(heard[2]!)).toMatchObject({ sequence: last });
  expect(await log().acknowledgedTo(GW)).toBe(last);
}, 60_000);

it.each<[string, (position: Position) => Position]>([
  ['that was restored from an empty copy', () => BEGINNING],
  ['whose last entry the log has not', ({ sequence }) => ({ sequence: sequence + 1n, entryId: Buffer.alloc(16, 1) })],
  ['whose last entry has another id', ({ sequence }) => ({ sequence, entryId: Buffer.alloc(16, 1) })],
])('one %s is told all anew, and may doubt what it has', async (_what, positionOf) => {
  const { hearAll, leave } = await channelAt(positionOf(await known()));
  const heard = await hearAll(3);
  expect(kinds(heard)).toEqual(['snapshotBegin', 'credential', 'snapshotEnd']);
  expect(heard[0]?.entry?.value).toMatchObject({ doubtful: true });
  await leave(heard[2]!);
});

it('is told all anew in its next life', async () => {
  const position = await known();
  await world.enrol(GW, 'live', undefined, 2n);
  const { hearAll, leave } = await channelAt(position);
  const heard = await hearAll(3);
  expect(kinds(heard)).toEqual(['snapshotBegin', 'credential', 'snapshotEnd']);
  await leave(heard[2]!);
});
