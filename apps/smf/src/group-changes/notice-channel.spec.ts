/** What no gateway says on its notice channel: each ends it, and nothing is stored. */
import type { OpenNoticeChannelRequest, OpenNoticeChannelResponse } from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import { CHANNEL_MISUSES, HONEST_RECEIVER, speak } from '@cpns/delivery/testing';
import type { DuplexContext } from '@cpns/grpc';
import { expectRefusal } from '@cpns/platform/testing';
import { ANN, AT, BOB, EVE, within, World } from '../testing/world';
import { NoticeController } from './notices';

type Channel = DuplexContext<OpenNoticeChannelRequest, OpenNoticeChannelResponse>;

const world = perFile(new World());
const serve = ({ signal, requests, write }: Pick<Channel, 'signal' | 'requests' | 'write'>) =>
  world.smf.module
    .get(NoticeController)
    .openNoticeChannel(Object.assign(within(20_000, undefined, signal), { requests, write }));

/** A gateway that was told of three changes of a group. */
beforeAll(async () => {
  await speak(serve, HONEST_RECEIVER.slice(0, 1), 'ends');
  const groupId = await world.group([ANN]);
  for (const member of [BOB, EVE]) {
    await world.smf.add([member], within(), groupId);
    await world.rest(groupId);
  }
});

it.each(
  CHANNEL_MISUSES.map(
    ([id, said, expected]) => [`${id} (OpenNoticeChannel), ${AT}: ${expected}`, said, expected] as const,
  ),
)('%s', (_title, said, expected) => expectRefusal(world.store, () => speak(serve, said), expected));
