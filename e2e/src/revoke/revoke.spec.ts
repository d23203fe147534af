/**
 * A device, a user, a gateway: revoked at one replica while members seal and open, and refused everywhere within a second,
 * for each form of key and each assigner. Nothing that is sealed after it opens for the one put out.
 */
import { KeyState } from '@cpns/contracts';
import type { KeyForm } from '@cpns/key-derivation';
import { waitUntil } from '@cpns/testing';
import { reasonOf } from '../rights/replicas';
import { ids, RELAY, Scene, type Member } from '../support/scene';
import { named, Trial, type Ending } from './trial';

const DOOMED = 'home/doomed';
const KINDS: readonly (readonly [KeyForm, string])[] = [
  ['secret', 'server'],
  ['secret', RELAY],
  ['key-pair', 'server'],
  ['key-pair', RELAY],
];
const WAIT = { withinMs: 20_000 };

jest.setTimeout(240_000);
const scene = new Scene();
beforeAll(() => scene.begin(DOOMED));
afterAll(() => scene.stop());

/** What replica a says of a key. */
async function isRevoked({ entity }: Member): Promise<boolean> {
  const { key } = await scene.entityUserKeys('a').getEntityUserKey({ entity });
  return key?.state === KeyState.KEY_STATE_REVOKED;
}

const sorted = (some: readonly string[]): string[] => [...some].sort();

/** Out of every group, for good: the entity that is admitted anew is in none, and not barred. */
async function expectOut(entity: string, openGroup: string): Promise<void> {
  const { groups } = scene.deployment.operator;
  expect(await groups.memberships(entity)).toEqual([]);
  const again = await scene.readmitted(entity);
  expect(await groups.memberships(entity)).toEqual([]);
  await again.local.groups.join(openGroup);
  await waitUntil('its place', async () => (await groups.memberships(entity)).length === 1, WAIT);
}

describe('a device', () => {
  it.each(KINDS)('with a %s of %s', async (form, assigner) => {
    const [gone, bystander] = [await scene.member(form, assigner, RELAY), await scene.member(form, assigner, RELAY)];
    const groups = await scene.groupsWith(gone, bystander);
    const dry = await scene.endRight({ entity: gone.entity, dryRun: true });
    expect(named(dry)).toMatchObject({ entities: [gone.entity], groups: ids(groups) });
    expect(await isRevoked(gone)).toBe(false);

    const ending: Ending = { title: `a device with a ${form} of ${assigner}`, member: gone, refusal: /^KEY_REVOKED$/ };
    const trial = new Trial(scene, groups, [ending]);
    const report = await trial.run(
      () => scene.endRight({ entity: gone.entity }),
      () => isRevoked(gone),
    );
    expect(named(report)).toEqual({ complete: true, entities: [gone.entity], groups: ids(groups) });
    expect(report.gatewaysWaiting?.names ?? []).toEqual([]);
    // the same call again says the same, and changes nothing
    const versions = async () => Promise.all(ids(groups).map(async (id) => (await scene.status(id)).versions.length));
    const before = await versions();
    expect(named(await scene.endRight({ entity: gone.entity }))).toEqual(named(report));
    expect(await versions()).toEqual(before);
    expect(await reasonOf(bystander.local.ask(groups.push, 0n))).toBe('accepted');
    await expectOut(gone.entity, groups.open);
  });
});

describe('a user', () => {
  it('with a device of each form and assigner, and nobody else’s', async () => {
    const members: Member[] = [];
    for (const [form, assigner] of KINDS) members.push(await scene.member(form, assigner, RELAY, 'carol'));
    const other = await scene.member('secret', 'server', RELAY, 'dave');
    const groups = await scene.groupsWith(...members, other);
    const entities = sorted(members.map(({ entity }) => entity));
    expect(named(await scene.endRight({ user: 'carol', dryRun: true }))).toMatchObject({
      entities,
      groups: ids(groups),
    });

    const endings = members.map((member, index): Ending => {
      const [form, assigner] = KINDS[index]!;
      return { title: `a user’s ${form} of ${assigner}`, member, refusal: /^KEY_REVOKED$/ };
    });
    const report = await new Trial(scene, groups, endings).run(
      () => scene.endRight({ user: 'carol' }),
      async () => (await Promise.all(members.map(isRevoked))).every(Boolean),
    );
    expect(named(report)).toEqual({ complete: true, entities, groups: ids(groups) });
    expect(await reasonOf(other.local.ask(groups.push, 0n))).toBe('accepted');
  });
});

describe('a gateway', () => {
  it('with every entity whose key it assigned, wherever it calls; not with those of others', async () => {
    const { deployment } = scene;
    const uri = deployment.uri(DOOMED);
    const forms: readonly KeyForm[] = ['secret', 'key-pair'];
    const members: Member[] = [];
    // they call another gateway of their network, so that what is refused is their key
    for (const form of forms) members.push(await scene.moved(await scene.member(form, DOOMED, DOOMED), RELAY));
    const [ofServer, ofRelay] = [
      await scene.moved(await scene.member('secret', 'server', DOOMED), RELAY),
      await scene.member('secret', RELAY, RELAY),
    ];
    const groups = await scene.groupsWith(...members, ofServer, ofRelay);
    const entities = sorted(members.map(({ entity }) => entity));
    const dry = await scene.endRight({ entity: uri, dryRun: true });
    process.stdout.write(await scene.cpnsctl('gateway', 'revoke', uri, '--dry-run'));
    expect(named(dry).entities).toEqual(expect.arrayContaining(entities));

    const endings = members.map((member, index): Ending => {
      return { title: `a ${forms[index]!} of the gateway`, member, refusal: /^KEY_(REVOKED|UNKNOWN)$/ };
    });
    const report = await new Trial(scene, groups, endings).run(
      () => scene.endRight({ entity: uri }),
      () => scene.isRevoked(uri, 'a'),
    );
    expect(named(report)).toMatchObject({ complete: true, groups: ids(groups) });
    expect(named(report).entities).toEqual(expect.arrayContaining(entities));
    for (const { entity } of [ofServer, ofRelay]) expect(named(report).entities).not.toContain(entity);
    expect(report.firstSeeds?.count).toBeGreaterThan(0);
    expect(report.cas?.count).toBeGreaterThan(0);
    const refused = async () => (await deployment.health(DOOMED).catch(() => 'NOT_SERVING')) === 'NOT_SERVING';
    await waitUntil('the gateway to say that it is refused', refused, WAIT);
    // others' keys stay
    for (const { local } of [ofServer, ofRelay]) expect(await reasonOf(local.ask(groups.push, 0n))).toBe('accepted');
  });
});

describe('an end of nobody', () => {
  it.each([
    ['an entity that was never admitted', { entity: 'cpns://home.testbed.example/pne/nobody' }, 'NOT_FOUND'],
    ['a user that has nothing', { user: 'nobody' }, 'NOT_FOUND'],
    ['neither', {}, /^(NAME_INVALID|FIELD_MISSING|FIELD_OUT_OF_RANGE)$/],
  ])('%s', async (_what, request, reason) => {
    expect(await reasonOf(scene.endRight(request))).toMatch(reason);
  });
});
