/** A gateway that is away for long: what waits for it stays small, and it learns all when it comes back. */
import { forEach } from '@cpns/core';
import { dump } from '@cpns/store/testing';
import { lookIntoStore, waitUntil } from '@cpns/testing';
import { assigning, GATEWAY, WAIT_MS, World } from './world';

jest.setTimeout(600_000);
const world = new World();
beforeAll(() => world.start());
afterAll(() => world.stop());
afterEach(() => world.deployment.restart(GATEWAY));

/** Of all entries that wait at the Server. */
const waiting = () =>
  lookIntoStore(world.deployment.storeUrl('cpns-server'), async (store) => {
    const logs = Object.values(await dump(store)).flatMap(({ logs: own }) => Object.values(own));
    const entries = logs.flatMap(({ entries: own }) => own);
    const bytes = entries.reduce((sum, { dedupeId, value }) => sum + dedupeId.length + value.length, 0);
    return { entries: entries.length, bytes };
  });

it('80 versions of a Group Key wait as few bytes, and the newest is what comes', async () => {
  const { deployment } = world;
  const { groups } = deployment.operator;
  const [stays, comesAndGoes] = await world.live(2);
  stays!.local.watch();
  await groups.createGroup({ groupId: 'push', delivery: 'push', members: [stays!.entity] });
  await waitUntil('the first version', async () => (await stays!.local.groupKeys('push')).length === 1);
  await deployment.stopService(GATEWAY);
  for (let n = 0; n < 40; n += 1) {
    await groups.addMembers('push', [comesAndGoes!.entity]);
    await groups.removeMembers('push', [comesAndGoes!.entity]);
  }
  const { entries, bytes } = await waiting();
  process.stdout.write(`  80 versions: ${entries} entries, ${bytes} bytes\n`);
  expect(bytes).toBeLessThan(40_000);
  await deployment.restart(GATEWAY);
  const newest = (await groups.groupKeyStatus('push')).versions.at(-1)!.version;
  const has = async () => (await stays!.local.device.groups.status('push')).version === newest;
  await waitUntil('the newest version', has, { withinMs: WAIT_MS });
});

it('5,000 admissions wait as at most 4,096 entries, and all that are open are known', async () => {
  const { deployment } = world;
  const [open, ended] = [await world.admitted(5), await world.admitted(5)];
  await deployment.stopService(GATEWAY);
  await world.revokeAdmissions(ended);
  const peer = { uri: deployment.uri(GATEWAY), address: '127.0.0.1:1' };
  const admit = (n: number) =>
    deployment.operator.admit({
      entity: deployment.entity('pn1', 'pne', `many-${n}`),
      form: 'secret',
      assigner: peer.uri,
      peer,
      waitUntilDelivered: false,
    });
  await forEach(
    Array.from({ length: 5_000 }, (_, n) => n),
    admit,
    16,
  );
  const { entries, bytes } = await waiting();
  process.stdout.write(`  5,000 admissions: ${entries} entries, ${bytes} bytes\n`);
  expect(entries).toBeLessThanOrEqual(4_096);
  const late = await world.admitted(5, { waitUntilDelivered: false });
  await deployment.restart(GATEWAY);
  await world.told();
  for (const device of [...open, ...late]) expect(await assigning(device)).toBe('accepted');
  for (const device of ended) expect(await assigning(device)).toBe('TOKEN_REVOKED');
});
