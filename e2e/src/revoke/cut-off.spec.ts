/** An end that cannot take effect everywhere at once: a gateway that is cut off, an SMF that dies in the middle. */
import { duration } from '@cpns/core';
import { KeyState, type EndReport } from '@cpns/contracts';
import { retried, waitUntil } from '@cpns/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../rights/replicas';
import { Link, portOf } from '../support/link';
import { printTable } from '../support/table';
import { ids, RELAY, Scene, type Member } from '../support/scene';
import { named } from './trial';

const ISLAND = 'island/gw';
const MAX_AGE_MS = duration(15, 'second');
/** A gateway hears so often that it knows all, milliseconds. */
const STATE_EVERY_MS = duration(10, 'second');
const MARGIN_MS = 2_000;
const SOON_MS = 1_000;
const MANY = 30;
/** After which some of the groups of many have their version, and some have not. */
const MIDDLE_MS = 150;
const WAIT = { withinMs: 60_000 };

jest.setTimeout(300_000);
const scene = new Scene();
const links: Link[] = [];
beforeAll(() => scene.begin());
afterAll(async () => {
  await scene.stop();
  for (const link of links) link.close();
});

const again = (entity: string): Promise<EndReport> =>
  retried(() => scene.endRight({ entity }), { isPassing: ({ code }) => code === 'UNAVAILABLE', ...WAIT }).then(
    ({ value }) => value,
  );

/** A gateway that can be cut off from Server and SMF. */
async function island(): Promise<void> {
  const { deployment } = scene;
  const linkTo = async (service: 'cpns-server' | 'smf') => {
    const link = await Link.open(() => portOf(deployment.address(service, 'certificate')));
    links.push(link);
    return link.address;
  };
  await deployment.addGateway(
    { pn: 'island', id: 'gw' },
    {
      CPNS_SERVER_ADDRESS: await linkTo('cpns-server'),
      CPNS_SMF_ADDRESS: await linkTo('smf'),
      CPNS_REVOCATION_MAX_AGE: `${MAX_AGE_MS / 1_000}s`,
    },
  );
}

describe('a gateway that is cut off', () => {
  it('is named as waiting, serves what it has for so long, and hears of it when it is back', async () => {
    await island();
    const [gone, stays]: Member[] = [
      await scene.member('secret', ISLAND, ISLAND),
      await scene.member('secret', RELAY, RELAY),
    ];
    const groups = await scene.groupsWith(gone!, stays!);
    const pulls = () => reasonOf(gone!.local.ask(groups.push, 0n));
    expect(await pulls()).toBe('accepted');
    for (const link of links) link.cut();
    const cutAt = Date.now();

    const report = await scene.endRight({ entity: gone!.entity });
    expect(named(report)).toEqual({ complete: true, entities: [gone!.entity], groups: ids(groups) });
    expect(report.gatewaysWaiting?.names).toEqual([scene.deployment.uri(ISLAND)]);
    // the others have the new version within a second
    await sleep(SOON_MS);
    const fresh = await scene.traffic(ids(groups));
    for (const one of fresh) expect((await one.stop()).faults).toEqual([]);
    const hoard = scene.hoardOf(gone!);
    await hoard.copy(ids(groups));
    for (const { sealed } of fresh) expect(hoard.opens(sealed.map(({ message }) => message))).not.toContain(true);
    const atFirst = await pulls();

    const refused = async () => (await pulls()) === 'DEPENDENCY_UNAVAILABLE';
    await waitUntil('the end of its patience', refused, { ...WAIT, everyMs: 50 });
    const lasted = Date.now() - cutAt;
    for (const link of links) link.mend();
    await waitUntil('the end', async () => (await pulls()) === 'KEY_REVOKED', { ...WAIT, everyMs: 50 });
    const reached = async () => ((await again(gone!.entity)).gatewaysWaiting?.names ?? []).length === 0;
    await waitUntil('the acknowledgement', reached, WAIT);
    printTable(
      'a gateway that is cut off',
      ['what', 'seen'],
      [
        ['a pull of what it holds, at once', atFirst],
        ['goes on for', `${lasted} ms of at most ${MAX_AGE_MS} ms`],
        ['waiting, by the report', scene.deployment.uri(ISLAND)],
      ],
    );
    expect(atFirst).toBe('accepted');
    expect(lasted).toBeLessThan(MAX_AGE_MS + MARGIN_MS);
    // it knew all when it heard last, which was so long before it was cut off at most
    expect(lasted).toBeGreaterThan(MAX_AGE_MS - STATE_EVERY_MS - MARGIN_MS);
  });
});

describe('an SMF that dies in the middle', () => {
  it('is named by a report that is not complete, and the same call completes it', async () => {
    const { deployment } = scene;
    const [gone, stays] = [
      await scene.member('secret', 'server', RELAY),
      await scene.member('secret', 'server', RELAY),
    ];
    const groupIds: string[] = [];
    for (let n = 0; n < MANY; n += 1) {
      const groupId = `many-${String(n).padStart(2, '0')}`;
      const members = [gone.entity, stays.entity];
      await deployment.operator.groups.createGroup({ groupId, delivery: n % 2 === 0 ? 'pull' : 'push', members });
      groupIds.push(groupId);
    }
    const ending = scene.endRight({ entity: gone.entity });
    await sleep(MIDDLE_MS);
    await deployment.kill('smf');
    const first = await ending;
    expect(first.complete).toBe(false);
    const key = async () => (await scene.entityUserKeys('a').getEntityUserKey({ entity: gone.entity })).key?.state;
    expect(await key()).toBe(KeyState.KEY_STATE_REVOKED);
    await deployment.restart('smf');
    const complete = async () => (await again(gone.entity)).complete;
    await waitUntil('the rest', complete, WAIT);
    expect(named(await again(gone.entity))).toEqual({ complete: true, entities: [gone.entity], groups: groupIds });
    for (const groupId of groupIds) {
      const { versions } = await scene.status(groupId);
      // each group has one new version, made before or after the kill
      expect({ groupId, versions: versions.map(({ version }) => version) }).toEqual({ groupId, versions: [1n, 2n] });
      expect((await deployment.operator.groups.getGroup(groupId)).members).toEqual([stays.entity]);
    }
    printTable(
      `an end in ${MANY} groups whose SMF dies after ${MIDDLE_MS} ms`,
      ['call', 'complete', 'groups'],
      [
        ['the first', String(first.complete), String(first.groups?.count ?? 0)],
        ['the same again', 'true', String(MANY)],
      ],
    );
  });
});
