/** Both channels of the gateway: one bad entry must not block it, and what the store could not keep must come again. */
import { CredentialState, type GatewayGroupKeyDelivery, type OpenDeliveryChannelResponse } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { eventually, perTest, reasonOf } from '@cpns/core/testing';
import { keyIdBytes } from '@cpns/key-derivation';
import type { Store } from '@cpns/store';
import { SoleProcess } from '../peers/sole-process';
import { DeliveryChannel } from './delivery-channel';
import { NoticeChannel } from '../smf/notice-channel';
import { keyIdOf } from '../testing/fake-server';
import { noticeOf, type NoticeOf } from '../testing/fake-smf';
import { wrappedStore } from '@cpns/store/testing';
import { BOTH, CAMERA, GatewayWorld, LOCK, STRANGER } from '../testing/world';

type KeyEntry = NonNullable<OpenDeliveryChannelResponse['entry']>;

describe('the gateway’s channels', () => {
  let stop: () => Promise<void>;
  afterEach(() => stop());
  const world = perTest(new GatewayWorld());

  const start = () => {
    const over = new AbortController();
    const channels = [world.module.get(DeliveryChannel), world.module.get(NoticeChannel)];
    const running = Promise.all(channels.map((channel) => channel.run(over.signal)));
    stop = async () => {
      over.abort();
      await running;
    };
  };

  const notice = (of: NoticeOf) => world.smf.log.add({ notice: noticeOf(of) });
  const entry = (of: KeyEntry) => world.server.log.add({ entry: of });
  const key = (value: GatewayGroupKeyDelivery) => entry({ $case: 'groupKey', value });
  const isKept = async (groupId: string) => (await world.versions(groupId)).length > 0;
  const acknowledged = () => [world.smf.log.acknowledged, world.server.log.acknowledged];

  it('leave a bad entry out, say so, and go on', async () => {
    start();
    notice({ groupId: 'bad', members: [STRANGER] });
    notice({ groupId: 'good', members: BOTH });
    const forged = world.server.keyFor('good', 1n, BOTH);
    key({ ...forged, statement: { ...forged.statement!, sealUntil: 1n } });
    key(world.server.keyFor('good', 1n, BOTH));
    await eventually(() => expect(acknowledged()).toEqual([2n, 2n]));
    await eventually(async () => expect(await isKept('good')).toBe(true));
    expect(await isKept('bad')).toBe(false);
    expect(world.log.text()).toContain('was left out');
    expect(world.log.text()).toContain('a pushed Group Key was refused');
  });

  it('get what the store could not keep again', async () => {
    let failures = 3;
    const failing = (store: Store): Store =>
      wrappedStore(store, (aggregate, change) =>
        aggregate.kind === 'group' && failures-- > 0
          ? Promise.reject(new CpnsError('DEPENDENCY_UNAVAILABLE', 'the disk is full'))
          : store.commit(aggregate, change),
      );
    await world.restart(failing);
    start();
    notice({ groupId: 'g1', members: BOTH });
    key(world.server.keyFor('g1', 1n, BOTH));
    await eventually(() => expect(acknowledged()).toEqual([1n, 1n]));
    await eventually(async () => expect(await isKept('g1')).toBe(true));
    expect(world.smf.log.opened.length + world.server.log.opened.length).toBeGreaterThan(2);
  });

  it('go on after a restart where they were', async () => {
    start();
    notice({ groupId: 'g1', members: BOTH });
    await eventually(() => expect(acknowledged()).toEqual([1n, 0n]));
    await stop();
    await world.restart();
    start();
    await eventually(() => expect([world.smf.log.opened.at(-1), world.server.log.opened.at(-1)]).toEqual([1n, 0n]));
  });

  it('are closed while another process has the delivery channel, and the gateway says that it is not well', async () => {
    const sole = world.module.get(SoleProcess);
    world.server.log.refusal = new CpnsError('ALREADY_CONNECTED', 'another process has it');
    start();
    await eventually(() => expect(reasonOf(() => sole.assert())).toBe('RESYNCHRONISING'));
    notice({ groupId: 'g1', members: BOTH });
    await eventually(() => expect(world.log.text()).toContain('another process has the delivery channel'));
    expect(world.smf.log.acknowledged).toBe(0n);
    world.server.log.refusal = undefined;
    await eventually(() => expect(world.server.log.isOpen).toBe(true));
    const value = { lastSequence: 0n, lastEntryId: Buffer.alloc(0), otherProcessAt: 0n };
    await world.server.log.say({ entry: { $case: 'state', value } });
    await eventually(() => expect(acknowledged()).toEqual([1n, 0n]));
    sole.assert();
  });

  it('have the gateway say that it is not well once its certificate was ended', async () => {
    const sole = world.module.get(SoleProcess);
    sole.assertAdmitted();
    world.server.log.refusal = new CpnsError('CERTIFICATE_REVOKED', 'ended');
    start();
    await eventually(() => expect(reasonOf(() => sole.assertAdmitted())).toBe('CERTIFICATE_REVOKED'));
    sole.assert();
  });

  it('put a notice together that comes in parts, and leave out one of which a part is missing', async () => {
    start();
    const part = (groupId: string, index: number, member: string, more: boolean) => ({
      notice: noticeOf({ groupId, members: [member], part: index, more }),
    });
    world.smf.log.add(part('whole', 0, CAMERA, true), part('whole', 1, LOCK, false));
    world.smf.log.add(part('torn', 0, CAMERA, true), part('torn', 2, LOCK, false));
    await eventually(() => expect(acknowledged()).toEqual([2n, 0n]));
    expect([await world.groups.members('whole'), await world.groups.members('torn')]).toEqual([BOTH, []]);
    expect(world.log.text()).toContain('part 2 came in the place of part 1');
  });

  it('end the watch of a key that was revoked', async () => {
    start();
    const keyId = keyIdBytes(keyIdOf(CAMERA));
    const watcher = world.hub.open({ entity: CAMERA, user: '', by: { kind: 'proof', keyId }, keyId: keyIdOf(CAMERA) });
    entry({
      $case: 'credential',
      value: { ...world.credentialOf(CAMERA), state: CredentialState.CREDENTIAL_STATE_ENDED },
    });
    await expect(watcher.next()).rejects.toMatchObject({ reason: 'KEY_REVOKED' });
  });
});
