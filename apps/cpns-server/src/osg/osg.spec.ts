/** SECCF-OSG: Group Keys pass through memory only, and are destroyed when they are let go. */
import { Clock, CpnsError, type GroupKey } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { OwnIdentity } from '@cpns/platform';
import { outcomeOf } from '@cpns/platform/testing';
import { Test } from '@nestjs/testing';
import { FakeKmc } from '../testing/fake-kmc';
import { KMC, SERVER } from '../testing/world';
import { GroupKeyCache, Kmc, Osg, type KmcMethods } from './osg';

const requestId = Buffer.alloc(16, 1);

describe('OSG', () => {
  let clock: FakeClock;
  let kmc: FakeKmc;
  beforeEach(() => {
    clock = new FakeClock();
    kmc = new FakeKmc();
  });

  const make = async (change: Partial<KmcMethods> = {}, size = 10) => {
    class SmallCache extends GroupKeyCache {
      protected override capacity() {
        return size;
      }
    }
    const rpc = Object.assign(Object.create(kmc) as FakeKmc, kmc, change);
    const providers = [
      Osg,
      { provide: OwnIdentity, useValue: { uri: SERVER } },
      { provide: Kmc, useValue: { uri: KMC, rpc } },
      { provide: GroupKeyCache, useClass: SmallCache },
      { provide: Clock, useValue: clock },
    ];
    return (await Test.createTestingModule({ providers }).compile()).get(Osg);
  };
  const first = (osg: Osg, groupId = 'g') =>
    osg.createVersion({ flow: 'FLOW-PULL', groupId, previous: 0n, requestId }, keep);
  const next = (osg: Osg, previous = 1n) =>
    osg.createVersion({ flow: 'GK-UPDATE-M', groupId: 'g', previous, requestId: Buffer.alloc(16, 2) }, keep);
  /** What no caller may do: it shows that a key is destroyed afterwards. */
  const keep = (groupKey: GroupKey) => groupKey;
  const bytes = (groupKey: GroupKey) => groupKey.expose().toString('hex');
  const isDestroyed = (groupKey: GroupKey) => groupKey.expose().every((byte) => byte === 0);

  it('hands over what the KMC made, and asks for it once', async () => {
    const osg = await make();
    const made = await first(osg);
    expect(bytes(made)).toBe(kmc.material('g', 1n)!.toString('hex'));
    expect(bytes(await osg.use('g', 1n, keep))).toBe(bytes(made));
    expect(kmc.calls).toEqual(['createKey g']);
  });

  it('gets what it does not have once, however many ask', async () => {
    await first(await make());
    const osg = await make();
    const all = await Promise.all(Array.from({ length: 10 }, () => osg.use('g', 1n, bytes)));
    expect(new Set(all)).toEqual(new Set([kmc.material('g', 1n)!.toString('hex')]));
    expect(kmc.calls).toEqual(['createKey g', 'getKeyVersion g/1']);
  });

  it('asks again after a failure', async () => {
    await first(await make());
    const osg = await make();
    kmc.breakNext('getKeyVersion', 'after');
    expect(await outcomeOf(osg.use('g', 1n, bytes))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    expect(await osg.use('g', 1n, bytes)).toBe(kmc.material('g', 1n)!.toString('hex'));
  });

  it('wipes the message that a key came in', async () => {
    let sent: Buffer | undefined;
    const osg = await make({
      createKey: async (request) => {
        const answer = await kmc.createKey(request);
        sent = answer.version?.groupKey;
        return answer;
      },
    });
    await first(osg);
    expect(sent).toEqual(Buffer.alloc(32));
  });

  it.each<[string, (osg: Osg) => Promise<unknown>]>([
    ['its version is destroyed', (osg) => osg.destroyVersion('g', 1n)],
    ['its group is destroyed', (osg) => osg.destroyGroup('g')],
    ['its group is destroyed long after', (osg) => (clock.advance(900_000), osg.destroyGroup('g'))],
    ['it was not asked for in 10 minutes', (osg) => Promise.resolve((clock.advance(600_000), osg.dropIdle()))],
    ['there is no room', (osg) => first(osg, 'h')],
    ['the process ends', (osg) => Promise.resolve(osg.onApplicationShutdown())],
  ])('destroys a key in memory when %s', async (_what, cause) => {
    const osg = await make({}, 1);
    const held = await first(osg);
    expect(isDestroyed(held)).toBe(false);
    await cause(osg);
    expect(isDestroyed(held)).toBe(true);
  });

  it('keeps what is asked for, and lets go of what was asked for longest ago', async () => {
    const osg = await make({}, 2);
    const [g, h] = [await first(osg, 'g'), await first(osg, 'h')];
    clock.advance(300_000);
    await osg.use('g', 1n, keep);
    const i = await first(osg, 'i');
    expect([g, h, i].map(isDestroyed)).toEqual([false, true, false]);
    clock.advance(300_000);
    osg.dropIdle();
    expect([g, i].map(isDestroyed)).toEqual([false, false]);
  });

  it('does not mix up groups whose ids begin alike', async () => {
    const osg = await make();
    const [g, longer] = [await first(osg, 'g'), await first(osg, 'g.1')];
    await osg.destroyGroup('g');
    expect([g, longer].map(isDestroyed)).toEqual([true, false]);
  });

  it('destroys what the KMC never had, or has destroyed', async () => {
    const osg = await make();
    await first(osg);
    await next(osg);
    for (let again = 0; again < 2; again++) await osg.destroyVersion('g', 1n);
    for (let again = 0; again < 2; again++) await osg.destroyGroup('g');
    await osg.destroyGroup('never');
    expect(kmc.material('g', 2n)).toBeUndefined();
  });

  it.each<[string, Awaited<ReturnType<KmcMethods['createKey']>>]>([
    ['no key', { version: undefined }],
    ['another group’s', { version: { groupId: 'h', version: 1n, groupKey: Buffer.alloc(32, 1) } }],
    ['another version', { version: { groupId: 'g', version: 2n, groupKey: Buffer.alloc(32, 1) } }],
    ['a short key', { version: { groupId: 'g', version: 1n, groupKey: Buffer.alloc(31, 1) } }],
  ])('takes %s for a fault', async (_what, answer) => {
    const osg = await make({ createKey: () => Promise.resolve(answer), getKeyVersion: () => Promise.resolve(answer) });
    expect(await outcomeOf(first(osg))).toBe('INTERNAL/INTERNAL');
    expect(await outcomeOf(osg.use('g', 1n, bytes))).toBe('INTERNAL/INTERNAL');
  });

  it.each([
    ['NOT_FOUND', 'INTERNAL/INTERNAL'],
    ['CONFLICT', 'INTERNAL/INTERNAL'],
    ['ALREADY_EXISTS', 'ALREADY_EXISTS/ALREADY_EXISTS'],
    ['DEPENDENCY_UNAVAILABLE', 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE'],
    ['DEADLINE', 'DEADLINE_EXCEEDED/DEADLINE'],
  ] as const)('%s of the KMC is %s to our callers', async (reason, ours) => {
    kmc.breakNext('createKey', 'before', new CpnsError(reason, 'no'));
    expect(await outcomeOf(first(await make()))).toBe(ours);
  });
});
