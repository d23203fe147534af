/** What a certificate that was ended has open at the SMF ends, and its next calls are refused. */
import {
  type OpenNoticeChannelResponse,
  ServiceGroupNoticeServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import { perTest, reasonOfAsync } from '@cpns/core/testing';
import { receiverWire } from '@cpns/delivery';
import { openingAt } from '@cpns/delivery/testing';
import type { EndedPeer } from '@cpns/platform';
import { TestPort } from '@cpns/platform/testing';
import { ANN, described, gatewayOf, within, World } from '../testing/world';

const OPERATOR = 'cpns://td.example/operator/ann';
const OTHER = 'cpns://td.example/operator/bob';
const GATEWAY = gatewayOf('pn1');

const port = new TestPort('cpns://td.example/service/smf');
const world = perTest(new World());

const tell = (by: EndedPeer['by'], value: string) =>
  world.server.ended.tell({ by, value, endedAt: 0, until: Date.now() + 60_000 });

beforeEach(async () => {
  world.server.gateways.set(GATEWAY, port.digestOf(GATEWAY));
  await port.serve(world.smf.module);
});

it('a gateway’s channel, on which nothing is sent', async () => {
  await world.smf.create([ANN], described(), within());
  const open = () => {
    const channel = port.as(GATEWAY).client(ServiceGroupNoticeServiceService).openNoticeChannel();
    return { channel, notices: channel[Symbol.asyncIterator]() };
  };
  const { channel, notices } = open();
  await channel.write(receiverWire(openingAt(0n)));
  const hasAll = async () => {
    const { value } = (await notices.next()) as IteratorYieldResult<OpenNoticeChannelResponse>;
    return value.snapshotEnd !== undefined;
  };
  while (!(await hasAll()));
  const end = reasonOfAsync(async () => {
    for (;;) await notices.next();
  });
  tell('certificate', port.digestOf(GATEWAY).toString('hex'));
  // within a second: `e2e:rights` measures it
  expect(await end).toBe('CERTIFICATE_REVOKED');
  // though the CPNS Server, asked by itself, says that it stands
  expect(await reasonOfAsync(() => open().notices.next())).toBe('CERTIFICATE_REVOKED');
});

it('an operator’s call under way, and each after it, on his connection and on a new one; another’s goes on', async () => {
  const as = (uri: string) => port.as(uri).client(ServiceGroupServiceService);
  const list = { pageSize: 0, pageToken: '' };
  const [his, other] = [as(OPERATOR), as(OTHER)];
  await his.listServiceGroups(list);
  const release = world.server.hold();
  const [ends, goesOn] = [his, other].map((rpc, n) =>
    reasonOfAsync(() => rpc.createServiceGroup({ description: described({ groupId: `g${n}` }), members: [ANN] })),
  );
  tell('uri', OPERATOR);
  expect(await ends).toBe('CERTIFICATE_REVOKED');
  release();
  expect(await goesOn).toBe('accepted');
  for (const rpc of [his, as(OPERATOR)])
    expect(await reasonOfAsync(() => rpc.listServiceGroups(list))).toBe('CERTIFICATE_REVOKED');
  await other.listServiceGroups(list);
});
