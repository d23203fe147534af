/** What no gateway says on its notice channel: each ends it, and nothing is stored. */
import type { OpenNoticeChannelRequest, OpenNoticeChannelResponse } from '@cpns/contracts';
import { CHANNEL_MISUSES, HONEST_RECEIVER, speak } from '@cpns/delivery/testing';
import type { DuplexContext } from '@cpns/grpc';
import { expectRefusal } from '@cpns/platform/testing';
import { ANN, AT, BOB, EVE, SmfBench } from '../testing/smf-bench';
import { NoticeController } from './notice.controller';

type Channel = DuplexContext<OpenNoticeChannelRequest, OpenNoticeChannelResponse>;

const smf = new SmfBench();
const serve = ({ signal, requests, write }: Pick<Channel, 'signal' | 'requests' | 'write'>) =>
  smf.smf.module.get(NoticeController).openNoticeChannel(Object.assign(smf.call(20_000, signal), { requests, write }));

/** A gateway that has heard of two changes of a group, and not of the third. */
beforeAll(async () => {
  await smf.open();
  await speak(serve, HONEST_RECEIVER.slice(0, 1), 'ends');
  const groupId = await smf.group([ANN]);
  for (const member of [BOB, EVE]) {
    await smf.groups.addMembers({ groupId, members: [member] }, smf.call());
    await smf.rest(groupId);
  }
  await speak(serve, HONEST_RECEIVER, 'ends');
});
afterAll(() => smf.close());

it.each(
  CHANNEL_MISUSES.map(
    ([id, said, expected]) => [`${id} (OpenNoticeChannel), ${AT}: ${expected}`, said, expected] as const,
  ),
)('%s', (_title, said, expected) => expectRefusal(smf.world.store, () => speak(serve, said), expected));
