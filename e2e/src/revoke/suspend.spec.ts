/** A device rests: refused like one that is revoked, and back in its groups afterwards, which had a version without it. */
import { KeyState, RevocationKind } from '@cpns/contracts';
import type { CpnsError } from '@cpns/core';
import type { KeyForm } from '@cpns/key-derivation';
import { retried, waitUntil } from '@cpns/testing';
import { reasonOf } from '../rights/replicas';
import { ids, RELAY, Scene, type Member } from '../support/scene';
import { named, Trial } from './trial';

const { REVOCATION_KIND_SUSPEND, REVOCATION_KIND_RESUME } = RevocationKind;
const WAIT = { withinMs: 20_000 };

jest.setTimeout(240_000);
const scene = new Scene();
beforeAll(() => scene.begin());
afterAll(() => scene.stop());

const stateOf = async ({ entity }: Member) => (await scene.entityUserKeys('a').getEntityUserKey({ entity })).key?.state;

it.each<[KeyForm, string]>([
  ['secret', 'server'],
  ['secret', RELAY],
  ['key-pair', 'server'],
  ['key-pair', RELAY],
])('a %s of %s is suspended, and resumed', async (form, assigner) => {
  const rests = await scene.member(form, assigner, RELAY);
  const groups = await scene.groupsWith(rests);
  const { entity, local } = rests;
  const ending = { title: `a suspended ${form} of ${assigner}`, member: rests, refusal: /^KEY_SUSPENDED$/ };
  const report = await new Trial(scene, groups, [ending]).run(
    () => scene.endRight({ entity, kind: REVOCATION_KIND_SUSPEND }),
    async () => (await stateOf(rests)) === KeyState.KEY_STATE_SUSPENDED,
  );
  expect(named(report)).toEqual({ complete: true, entities: [entity], groups: ids(groups) });
  const operator = scene.deployment.operator.groups;
  for (const groupId of ids(groups)) {
    const { members, suspended } = await operator.getGroup(groupId);
    expect({ groupId, isMember: members.includes(entity), suspended }).toEqual({
      groupId,
      isMember: false,
      suspended: [entity],
    });
  }

  const without = new Map<string, bigint>();
  for (const groupId of ids(groups)) without.set(groupId, (await scene.status(groupId)).versions.at(-1)!.version);
  const resumed = await scene.endRight({ entity, kind: REVOCATION_KIND_RESUME });
  expect(named(resumed)).toMatchObject({ complete: true, groups: ids(groups) });
  const isPassing = ({ reason }: CpnsError) =>
    ['KEY_SUSPENDED', 'NOT_A_MEMBER', 'DEPENDENCY_UNAVAILABLE'].includes(reason);
  for (const groupId of ids(groups)) {
    await retried(() => local.groups.pull(groupId), { isPassing, ...WAIT });
    const { version } = await local.groups.status(groupId);
    expect(version).toBeGreaterThan(without.get(groupId)!);
    expect((await operator.getGroup(groupId)).suspended).toEqual([]);
    // what was sealed while it rested is not its to open
    expect(await reasonOf(local.ask(groupId, without.get(groupId)!))).toMatch(/^(VERSION_NOT_GIVEN|VERSION_RETIRED)$/);
  }
  // a resume is no emergency: by themselves, members that pull ask every 30 s which version is the newest
  for (const stayer of scene.stayers) for (const groupId of ids(groups)) await stayer.local.groups.pull(groupId);
  const traffic = await scene.traffic(ids(groups));
  for (const { groupId, sealed } of traffic) {
    const newest = async () => {
      const last = sealed.at(-1)!;
      return last.version >= (await local.groups.status(groupId)).version && last;
    };
    const { message } = await waitUntil(`a message in ${groupId}`, newest, WAIT);
    expect((await local.groups.open(message)).groupId).toBe(groupId);
  }
  for (const one of traffic) expect((await one.stop()).faults).toEqual([]);
});

it.each([
  ['a gateway', () => ({ entity: scene.deployment.uri(RELAY) })],
  ['a user', () => ({ user: 'carol' })],
])('%s is not suspended', async (_what, request) => {
  const call = reasonOf(scene.endRight({ ...request(), kind: REVOCATION_KIND_SUSPEND }));
  expect(await call).toBe('FIELD_OUT_OF_RANGE');
});
