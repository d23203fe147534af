/** What bad input the SMF gets refused at CSKMF, each RPC with each fault; nothing is stored, and the KMC not asked. */
import type { CreateGroupKeyRequest, UpdateGroupKeyRequest } from '@cpns/contracts';
import { descriptionFaults, memberFaults, type Fault } from '@cpns/platform/testing';
import { A, argument, C, CskmfBench, D, GROUP_DELETED, type OfGroup } from '../testing/cskmf-bench';
import { callOf, pne, SMF } from '../testing/world';

const cskmf = new CskmfBench();
const KEYLESS = {
  'was never admitted': pne('stranger'),
  'was admitted and has no key': pne('admitted'),
  'has a key that was assigned and not registered': pne('assigned'),
  'has a key that was revoked': pne('revoked'),
};

beforeAll(async () => {
  await cskmf.open();
  const { world } = cskmf;
  await cskmf.admit(KEYLESS['was admitted and has no key'], 'open');
  await cskmf.admit(KEYLESS['has a key that was assigned and not registered'], 'assigned');
  await world.setKey(KEYLESS['has a key that was revoked'], { state: 'revoked' });
});
afterAll(() => cskmf.close());

const keyless = <R>(bad: (good: R, entity: string) => R): Fault<R>[] =>
  Object.entries(KEYLESS).map(([who, entity]) => ({
    id: `a member that ${who}`,
    bad: (good) => bad(good, entity),
    expect: 'FAILED_PRECONDITION/MEMBER_WITHOUT_KEY',
  }));
const CONFLICT = 'ABORTED/CONFLICT';
const NO_REVISION = argument('FIELD_MISSING', 'membership_revision');

cskmf.refuses<CreateGroupKeyRequest>({
  name: 'CreateGroupKey',
  good: cskmf.creation,
  send: (request) => cskmf.management.createGroupKey(request, callOf(SMF)),
  faults: [
    ...descriptionFaults<CreateGroupKeyRequest>(),
    ...memberFaults<CreateGroupKeyRequest>(),
    ...keyless<CreateGroupKeyRequest>((good, entity) => ({ ...good, members: [A, entity] })),
    { id: 'revision 0', bad: (good) => ({ ...good, membershipRevision: 0n }), expect: NO_REVISION },
    {
      id: 'deleted group',
      bad: async (good) => ({ ...good, description: cskmf.world.description(await cskmf.ended()) }),
      expect: GROUP_DELETED,
    },
    ...(['members', 'revision', 'description'] as const).map((what): Fault<CreateGroupKeyRequest> => ({
      id: `a group that is there, with other ${what}`,
      bad: async (good) => {
        await cskmf.management.createGroupKey(good, callOf(SMF));
        const description = { ...good.description!, displayName: 'kitchen' };
        const other = {
          members: { members: [A] },
          revision: { membershipRevision: 2n },
          description: { description },
        };
        return { ...good, ...other[what] };
      },
      expect: 'ALREADY_EXISTS/ALREADY_EXISTS',
    })),
  ],
});

/** Of a group whose present revision is 2, where C joined. */
const changed = (
  id: string,
  change: Partial<UpdateGroupKeyRequest>,
  expected: string,
): Fault<UpdateGroupKeyRequest> => ({
  id,
  bad: (good) => ({ ...good, ...change }),
  expect: expected,
});
const next = (id: string, joined: string[], left: string[], expected: string) =>
  changed(id, { membershipRevision: 3n, joined, left }, expected);
const named = (field: 'joined' | 'left') => {
  const names = (id: string, all: string[], expected: string) =>
    next(`${id} in ${field}`, field === 'joined' ? all : [], field === 'left' ? all : [], expected);
  return [
    names('an empty name', [''], argument('FIELD_MISSING', field)),
    names('what is no E', ['lamp'], argument('NAME_INVALID', field)),
    names('an E of another trust domain', ['cpns://pn1.other.example/pne/lamp'], 'PERMISSION_DENIED/TRUST_DOMAIN'),
    names(
      '1,001 names',
      Array.from({ length: 1_001 }, (_, n) => pne(`m${n}`)),
      argument('FIELD_TOO_LONG', field),
    ),
  ];
};
cskmf.refuses<UpdateGroupKeyRequest>({
  name: 'UpdateGroupKey',
  good: async () => {
    const request = { groupId: await cskmf.group(), membershipRevision: 2n, joined: [C], left: [] };
    await cskmf.management.updateGroupKey(request, callOf(SMF));
    return request;
  },
  send: (request) => cskmf.management.updateGroupKey(request, callOf(SMF)),
  faults: [
    ...cskmf.ofGroup<UpdateGroupKeyRequest>(),
    cskmf.deleted(),
    ...keyless<UpdateGroupKeyRequest>((good, entity) => ({ ...good, membershipRevision: 3n, joined: [entity] })),
    changed('revision 0', { membershipRevision: 0n }, NO_REVISION),
    changed('a revision that is over', { membershipRevision: 1n }, CONFLICT),
    changed('a revision too far', { membershipRevision: 4n }, CONFLICT),
    changed('revision 2^64 - 1', { membershipRevision: 2n ** 64n - 1n }, CONFLICT),
    changed('the present revision with another member', { joined: [D] }, CONFLICT),
    changed('the present revision with one member more', { joined: [C, D] }, CONFLICT),
    changed('the present revision with a member leaving besides', { left: [A] }, CONFLICT),
    next('none joined and none left', [], [], argument('FIELD_MISSING', 'joined')),
    next('one that joined twice', [D, D], [], argument('FIELD_OUT_OF_RANGE', 'joined')),
    next('one that left twice', [], [A, A], argument('FIELD_OUT_OF_RANGE', 'left')),
    next('one that joined and left', [A], [A], argument('FIELD_OUT_OF_RANGE', 'left')),
    ...named('joined'),
    ...named('left'),
  ],
});

const there = async () => ({ groupId: await cskmf.group() });
cskmf.refuses<OfGroup>({
  name: 'DeleteGroupKey',
  good: there,
  send: (request) => cskmf.management.deleteGroupKey(request, callOf(SMF)),
  faults: cskmf.ofGroup(),
});
cskmf.refuses<OfGroup>({
  name: 'GetGroupKeyStatus',
  good: there,
  send: (request) => cskmf.management.getGroupKeyStatus(request),
  faults: cskmf.ofGroup(),
});
