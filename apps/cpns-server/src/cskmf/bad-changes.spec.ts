/** What bad input the SMF gets refused at CSKMF, each RPC with each fault; nothing is stored, and the KMC not asked. */
import type { CreateGroupKeyRequest, UpdateGroupKeyRequest } from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import {
  descriptionOf,
  DESCRIPTION_FAULTS,
  GROUP_DELETED,
  MEMBER_FAULTS,
  type Fault,
  type OfGroup,
} from '@cpns/platform/testing';
import { A, argument, C, CskmfBench, D } from '../testing/cskmf-bench';
import { callOf, pne, SMF } from '../testing/world';

const cskmf = perFile(new CskmfBench());
const KEYLESS = {
  'was never admitted': pne('stranger'),
  'was admitted and has no key': pne('admitted'),
  'has a key that was assigned and not registered': pne('assigned'),
  'has a key that was revoked': pne('revoked'),
};

beforeAll(async () => {
  await cskmf.admit(KEYLESS['was admitted and has no key'], 'open');
  await cskmf.admit(KEYLESS['has a key that was assigned and not registered'], 'assigned');
  await cskmf.setKey(KEYLESS['has a key that was revoked'], { state: 'revoked' });
});

const keyless = <R>(change: (entity: string) => Partial<R>) =>
  Object.entries(KEYLESS).map(([who, entity]): Fault<R> => [
    `a member that ${who}`,
    change(entity),
    'FAILED_PRECONDITION/MEMBER_WITHOUT_KEY',
  ]);
const CONFLICT = 'ABORTED/CONFLICT';
const NO_REVISION = argument('FIELD_MISSING', 'membership_revision');
const THERE = 'a group that is there, with other';
/** Of a group that is there, by what is asked for besides. */
const other =
  (change: (good: CreateGroupKeyRequest) => Partial<CreateGroupKeyRequest>) => async (good: CreateGroupKeyRequest) => {
    await cskmf.server.management.createGroupKey(good, callOf(SMF));
    return change(good);
  };

cskmf.refuses<CreateGroupKeyRequest>({
  name: 'CreateGroupKey',
  good: cskmf.creation,
  send: (request) => cskmf.server.management.createGroupKey(request, callOf(SMF)),
  faults: [
    ...DESCRIPTION_FAULTS,
    ...MEMBER_FAULTS,
    ...keyless<CreateGroupKeyRequest>((entity) => ({ members: [A, entity] })),
    ['revision 0', { membershipRevision: 0n }, NO_REVISION],
    ['deleted group', async () => ({ description: descriptionOf(await cskmf.ended()) }), GROUP_DELETED],
    [`${THERE} members`, other(() => ({ members: [A] })), 'ALREADY_EXISTS/ALREADY_EXISTS'],
    [`${THERE} revision`, other(() => ({ membershipRevision: 2n })), 'ALREADY_EXISTS/ALREADY_EXISTS'],
    [
      `${THERE} description`,
      other(({ description }) => ({ description: { ...description!, displayName: 'kitchen' } })),
      'ALREADY_EXISTS/ALREADY_EXISTS',
    ],
  ],
});

/** Of a group whose present revision is 2, where C joined. */
type Update = Fault<UpdateGroupKeyRequest>;
const next = (id: string, joined: string[], left: string[], expected: string): Update => [
  id,
  { membershipRevision: 3n, joined, left },
  expected,
];
const named = (field: 'joined' | 'left') => {
  const names = (id: string, all: string[], expected: string) =>
    next(`${id} in ${field}`, field === 'joined' ? all : [], field === 'left' ? all : [], expected);
  const crowd = Array.from({ length: 1_001 }, (_, n) => pne(`m${n}`));
  return [
    names('an empty name', [''], argument('FIELD_MISSING', field)),
    names('what is no E', ['lamp'], argument('NAME_INVALID', field)),
    names('an E of another trust domain', ['cpns://pn1.other.example/pne/lamp'], 'PERMISSION_DENIED/TRUST_DOMAIN'),
    names('1,001 names', crowd, argument('FIELD_TOO_LONG', field)),
  ];
};
cskmf.refuses<UpdateGroupKeyRequest>({
  name: 'UpdateGroupKey',
  good: async () => {
    const request = { groupId: await cskmf.group(), membershipRevision: 2n, joined: [C], left: [], emergency: false };
    await cskmf.server.management.updateGroupKey(request, callOf(SMF));
    return request;
  },
  send: (request) => cskmf.server.management.updateGroupKey(request, callOf(SMF)),
  faults: [
    ...cskmf.ofGroup,
    cskmf.deleted,
    ...keyless<UpdateGroupKeyRequest>((entity) => ({ membershipRevision: 3n, joined: [entity] })),
    ['revision 0', { membershipRevision: 0n }, NO_REVISION],
    ['a revision that is over', { membershipRevision: 1n }, CONFLICT],
    ['a revision too far', { membershipRevision: 4n }, CONFLICT],
    ['revision 2^64 - 1', { membershipRevision: 2n ** 64n - 1n }, CONFLICT],
    ['the present revision with another member', { joined: [D] }, CONFLICT],
    ['the present revision with one member more', { joined: [C, D] }, CONFLICT],
    ['the present revision with somebody leaving besides', { left: [A] }, CONFLICT],
    ['the present revision as an emergency', { emergency: true }, CONFLICT],
    next('nobody joined and nobody left', [], [], argument('FIELD_MISSING', 'joined')),
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
  send: (request) => cskmf.server.management.deleteGroupKey(request, callOf(SMF)),
  faults: cskmf.ofGroup,
});
cskmf.refuses<OfGroup>({
  name: 'GetGroupKeyStatus',
  good: there,
  send: (request) => cskmf.server.ask(request),
  faults: cskmf.ofGroup,
});
