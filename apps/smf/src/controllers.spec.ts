import {
  EndMembershipsRequest,
  MembershipServiceService,
  ServiceGroupNoticeServiceService,
  ServiceGroupServiceService,
  type OpenNoticeChannelRequest,
  type OpenNoticeChannelResponse,
  type ServiceGroupNotice,
} from '@cpns/contracts';
import { BEGINNING, DeliveryClient, received, type ReceiverCodec, receiverWire } from '@cpns/delivery';
import { eventually, perTest, reasonOfAsync } from '@cpns/core/testing';
import { TestPort } from '@cpns/platform/testing';
import { described, gatewayOf, pne, PUSH, relayed, type Replica, World, within } from './testing/world';

jest.setTimeout(60_000);

const SELF = 'cpns://td.example/service/smf';
const SERVER = 'cpns://td.example/service/cpns-server';
const OPERATOR = 'cpns://td.example/operator/ann';
const [GW1, GW2] = [gatewayOf('pn1'), gatewayOf('pn2')];

const codec: ReceiverCodec<OpenNoticeChannelResponse, OpenNoticeChannelRequest> = {
  send: receiverWire,
  read: received,
};

describe('the SMF on the wire', () => {
  const channels: { stop: AbortController; running: Promise<void> }[] = [];
  afterEach(async () => {
    const ended = channels.splice(0);
    for (const { stop } of ended) stop.abort();
    await Promise.all(ended.map(({ running }) => running));
  });
  const port = new TestPort(SELF);
  const world = perTest(new World());
  let smf: Replica;
  beforeEach(async () => {
    ({ smf } = world);
    for (const uri of [GW1, GW2]) world.server.gateways.set(uri, port.digestOf(uri));
    await port.serve(smf.module, { maxMessageBytes: 1024 * 1024 });
  });

  const groups = () => port.as(OPERATOR).client(ServiceGroupServiceService);

  /** A gateway with a channel that had nothing before: what it was told so far, and how its channels failed. */
  const gateway = (uri: string) => {
    const [told, failures]: [ServiceGroupNotice[], unknown[]] = [[], []];
    const stop = new AbortController();
    const rpc = port.as(uri).client(ServiceGroupNoticeServiceService);
    let last = BEGINNING;
    const client = new DeliveryClient({
      codec,
      open: () => rpc.openNoticeChannel(),
      position: () => Promise.resolve(last),
      handle: ({ notice }, position, { superseded }) => {
        if (!superseded) told.push(notice!);
        last = position;
        return Promise.resolve();
      },
      staging: {
        begin: () => Promise.resolve(),
        take: ({ notice }) => Promise.resolve(void told.push(notice!)),
        end: (position) => Promise.resolve(void (last = position)),
      },
      onFailure: (error) => failures.push(error),
      backoff: { first: 50, longest: 200 },
    });
    channels.push({ stop, running: client.run(stop.signal) });
    return { told, failures };
  };

  it('serves an operator from the first member to the end', async () => {
    const rpc = groups();
    const made = await rpc.createServiceGroup({ description: described(), members: [pne(1)] });
    expect(made.group).toMatchObject({ membershipRevision: 1n, members: [pne(1)], deleted: false });
    const more = await rpc.addMembers({ groupId: 'g1', members: [pne(2)] });
    expect(more.group?.members).toEqual([pne(1), pne(2)]);
    const fewer = await rpc.removeMembers({ groupId: 'g1', members: [pne(1)] });
    expect(fewer.group).toMatchObject({ membershipRevision: 3n, members: [pne(2)] });
    expect((await rpc.getServiceGroup({ groupId: 'g1' })).group).toEqual(fewer.group);
    expect((await rpc.listServiceGroups({ pageSize: 0, pageToken: '' })).groups).toHaveLength(1);
    expect((await rpc.deleteServiceGroup({ groupId: 'g1' })).group?.deleted).toBe(true);
  });

  it('takes a thousand names, as long as they may be here', async () => {
    const name = (n: number) =>
      `cpns://${'p'.repeat(63)}.td.example/pne/${'x'.repeat(60)}${String(n).padStart(4, '0')}`;
    const members = Array.from({ length: 1_000 }, (_, n) => name(n));
    const { group } = await groups().createServiceGroup({ description: described(), members });
    expect(group?.members.join()).toBe(members.join());
  });

  it('hands a refusal of CSKMF on, with what it is about', async () => {
    world.server.withoutKey.add(pne(2));
    await expect(groups().createServiceGroup({ description: described(), members: [pne(2)] })).rejects.toMatchObject({
      reason: 'MEMBER_WITHOUT_KEY',
      metadata: { entity: pne(2) },
    });
  });

  it('does not serve group documents yet', async () => {
    expect(await reasonOfAsync(groups().exportGroupDocument({ groupId: 'g1' }))).toBe('UNIMPLEMENTED');
    expect(await reasonOfAsync(groups().importGroupDocument({ document: Buffer.from('<x/>') }))).toBe('UNIMPLEMENTED');
  });

  it('lets operators, gateways and the CPNS Server do what is theirs', async () => {
    const request = relayed('join', 'g1', pne(1));
    const ended = EndMembershipsRequest.fromPartial({ members: [{ entity: pne(1), life: 1n, revision: 1n }] });
    for (const uri of [OPERATOR, GW1])
      expect(await reasonOfAsync(port.as(uri).client(MembershipServiceService).endMemberships(ended))).toBe(
        'ROLE_NOT_PERMITTED',
      );
    await smf.create([pne(1)]);
    const server = port.as(SERVER);
    expect(await server.client(MembershipServiceService).endMemberships(ended)).toEqual({
      groups: { count: 1, names: ['g1'] },
      complete: true,
    });
    const list = { entity: pne(1), pageSize: 0, pageToken: '' };
    const found = await server.client(ServiceGroupServiceService).listMemberships(list);
    expect(found).toEqual({ memberships: [], nextPageToken: '' });
    expect(
      await reasonOfAsync(port.as(GW1).client(ServiceGroupServiceService).getServiceGroup({ groupId: 'g1' })),
    ).toBe('ROLE_NOT_PERMITTED');
    expect(await reasonOfAsync(port.as(OPERATOR).client(MembershipServiceService).joinServiceGroup(request))).toBe(
      'ROLE_NOT_PERMITTED',
    );
  });

  it('lets entities join and leave through a gateway of their PN that stands', async () => {
    await smf.create([pne(1)], { openToJoin: true });
    const rpc = port.as(GW1).client(MembershipServiceService);
    expect(await rpc.joinServiceGroup(relayed('join', 'g1', pne(2)))).toEqual({ membershipRevision: 2n });
    expect(await rpc.leaveServiceGroup(relayed('leave', 'g1', pne(2)))).toEqual({ membershipRevision: 3n });
    const other = port.as(GW2).client(MembershipServiceService);
    expect(await reasonOfAsync(other.joinServiceGroup(relayed('join', 'g1', pne(2))))).toBe('PN_MISMATCH');
    // another certificate than the one that it was enrolled with last
    const fresh = (await world.replica()).members;
    world.server.gateways.set(GW2, port.digestOf(GW1));
    const joining = fresh.joinServiceGroup(relayed('join', 'g1', pne(2, 'pn2')), within(20_000, GW2));
    expect(await reasonOfAsync(joining)).toBe('CERTIFICATE_REVOKED');
    expect(await smf.get()).toMatchObject({ membershipRevision: 3n });
  });

  it('tells gateways of the groups of their PN, as they come, in order', async () => {
    const one = gateway(GW1);
    const two = gateway(GW2);
    await eventually(async () => expect((await world.store.list('gateway', undefined, 10)).items).toHaveLength(2));
    await smf.create([pne(1, 'pn1'), pne(2, 'pn2')], { delivery: PUSH });
    await smf.add([pne(3, 'pn1')]);
    await eventually(() => expect(one.told.at(-1)?.membershipRevision).toBe(2n));
    await eventually(() => expect(two.told.at(-1)?.membershipRevision).toBe(2n));
    expect(one.told.at(-1)).toMatchObject({ members: [pne(1, 'pn1'), pne(3, 'pn1')], keyVersion: 2n });
    expect(two.told.at(-1)).toMatchObject({ members: [pne(2, 'pn2')], description: { delivery: PUSH } });
    await smf.end();
    await eventually(() => expect([one, two].map(({ told }) => told.at(-1)?.deleted)).toEqual([true, true]));
    // acknowledged and forgotten
    await eventually(async () => expect(await world.told(GW1)).toEqual([]));
    expect([one.failures, two.failures]).toEqual([[], []]);
  });

  it('tells a gateway that comes late, or lost what it had, of all its groups', async () => {
    const former = gateway(GW1);
    await smf.create([pne(1, 'pn1'), pne(2, 'pn2')]);
    await smf.create([pne(1, 'pn1')], { groupId: 'g2' });
    await eventually(() => expect(former.told).toHaveLength(2));
    await Promise.all(channels.splice(0).map(({ stop, running }) => (stop.abort(), running)));
    await smf.add([pne(3, 'pn1')]);
    const [again, late] = [gateway(GW1), gateway(GW2)];
    await eventually(() => expect(again.told.map(({ membershipRevision }) => membershipRevision)).toEqual([2n, 1n]));
    await eventually(() => expect(late.told).toMatchObject([{ membershipRevision: 2n, members: [pne(2, 'pn2')] }]));
    expect([again.failures, late.failures]).toEqual([[], []]);
  });

  it('opens no channel to a gateway whose certificate is no longer in force', async () => {
    world.server.gateways.delete(GW1);
    const ended = gateway(GW1);
    await eventually(() => expect(ended.failures).not.toHaveLength(0));
    expect(ended.failures[0]).toMatchObject({ reason: 'CERTIFICATE_REVOKED' });
    await smf.create([pne(1)]);
    expect(ended.told).toEqual([]);
    expect(await world.told(GW1)).toEqual([]);
  });
});
