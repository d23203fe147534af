/** What bad input gets at a PN GW about Service Groups, each RPC with each fault: refused, and nothing is stored. */
import { CpnsError, REASONS, type Reason } from '@cpns/core';
import { changesOfHistory, HISTORIES, type History } from '@cpns/group-key/testing';
import { perFile, reasonOfAsync } from '@cpns/core/testing';
import {
  deletedGroup,
  expectRefusal,
  ONE_OF_EACH,
  refusesBadInput,
  unknownGroup,
  type BadInput,
  type Fault,
  type OfGroup,
} from '@cpns/platform/testing';
import { FailingStore } from '@cpns/store/testing';
import { CskmfController } from './cskmf/cskmf.controller';
import { SmfController } from './smf/smf.controller';
import { CAMERA, GATEWAY, GatewayWorld, LOCK, STRANGER } from './testing/world';

const AT = 'gateway certificate';

const world = perFile(new GatewayWorld());
let count = 0;
const freshId = () => `group-${++count}`;
const call = () => world.call(CAMERA);
const accepted = () => Promise.resolve(2n);

beforeEach(() => (world.smf.answer = accepted));

const refuses = <R>(input: BadInput<R>) => refusesBadInput(() => world.store, AT, input);
const saying = (reason: Reason, metadata = {}) => Promise.reject(new CpnsError(reason, 'refused', { metadata }));
const expected = (reason: Reason, field = '') => `${REASONS[reason].code}/${reason}${field && ` ${field}`}`;

const ask = (name: 'JoinServiceGroup' | 'LeaveServiceGroup', request: OfGroup, as = call()) => {
  const smf = world.module.get(SmfController);
  return name === 'JoinServiceGroup' ? smf.joinServiceGroup(request, as) : smf.leaveServiceGroup(request, as);
};

describe('membership, which the SMF decides', () => {
  const refusedBySmf = (id: string, reason: Reason, field?: string): Fault<OfGroup> => [
    id,
    () => {
      world.smf.answer = () => saying(reason, field === undefined ? {} : { field });
      return {};
    },
    expected(reason, field),
  ];
  const NOT_THERE = [refusedBySmf('unknown group', 'NOT_FOUND'), refusedBySmf('deleted group', 'GROUP_DELETED')];
  const JOIN_ONLY = [
    refusedBySmf('one member too many', 'LIMIT_REACHED', 'members'),
    refusedBySmf('a group that is closed', 'JOIN_NOT_PERMITTED'),
    refusedBySmf('an entity without a key', 'MEMBER_WITHOUT_KEY'),
    refusedBySmf('a group that an operator took it out of', 'JOIN_NOT_PERMITTED'),
  ];
  for (const [name, faults] of [
    ['JoinServiceGroup', JOIN_ONLY],
    ['LeaveServiceGroup', []],
  ] as const)
    refuses<OfGroup>({
      name,
      good: () => ({ groupId: freshId() }),
      send: async (request) => {
        try {
          await ask(name, request);
        } finally {
          world.smf.answer = accepted;
        }
      },
      faults: [...ONE_OF_EACH, ...NOT_THERE, ...faults],
    });

  it.each([
    ['JoinServiceGroup', 'join'],
    ['LeaveServiceGroup', 'leave'],
  ] as const)(
    '%s says who asks, from its proof, and is not passed on for others or without a group',
    async (name, said) => {
      world.smf.asked.length = 0;
      const outcome = (groupId: string, entity?: string) => reasonOfAsync(ask(name, { groupId }, world.call(entity)));
      expect(await outcome('', CAMERA)).toBe('FIELD_MISSING');
      expect(await outcome('g1', STRANGER)).toBe('PN_MISMATCH');
      expect(await outcome('g1')).toBe('PROOF_MISSING');
      expect(world.smf.asked).toEqual([]);
      expect(await ask(name, { groupId: 'g1' })).toEqual({ membershipRevision: 2n });
      expect(world.smf.asked).toEqual([`${said} g1 ${CAMERA}`]);
      const { requestBytes, entityProof } = call();
      expect(world.smf.own).toEqual({ entityRequest: requestBytes, entityProof });
    },
  );
});

describe('PullGroupKey', () => {
  interface Pull extends OfGroup {
    readonly version: bigint;
  }
  const pull = (request: Pull) => world.module.get(CskmfController).pullGroupKey(request, call());
  /** What the Server says of each group. */
  const histories = new Map<string, History['given']>();
  beforeEach(() => {
    world.server.answer = ({ groupId, version, entity }) => {
      const given = histories.get(groupId);
      if (given === undefined) return saying('NOT_FOUND');
      const asked = version === 0n ? 3n : version;
      const isGiven = given[Number(asked) - 1];
      if (isGiven === undefined) return saying('NOT_FOUND');
      if (isGiven) return world.server.keyFor(groupId, asked, [entity]);
      return saying(version > 0n && given.includes(true) ? 'VERSION_NOT_GIVEN' : 'NOT_A_MEMBER');
    };
  });

  /** A group as the gateway is told of it, version after version, with their Group Keys. */
  async function group(history: History): Promise<string> {
    const groupId = freshId();
    histories.set(groupId, history.given);
    const members = new Set(history.given[0] ? [CAMERA, GATEWAY] : [GATEWAY]);
    const told = async (revision: bigint) => {
      await world.notice({ groupId, revision, members: [...members] });
      await world.push(world.server.keyFor(groupId, revision, [...members]));
    };
    await told(1n);
    for (const [index, { joined, left }] of changesOfHistory(history, CAMERA, LOCK).entries()) {
      joined.forEach((one) => members.add(one));
      left.forEach((one) => members.delete(one));
      await told(BigInt(index + 2));
    }
    return groupId;
  }
  const ALWAYS = HISTORIES.at(-1)!;

  refuses<Pull>({
    name: 'PullGroupKey by a PNE',
    good: async () => ({ groupId: await group(ALWAYS), version: 0n }),
    send: pull,
    faults: [
      ...ONE_OF_EACH,
      unknownGroup(freshId),
      deletedGroup(async () => {
        const groupId = await group(ALWAYS);
        await world.notice({ groupId, revision: 4n, deleted: true });
        return groupId;
      }),
      ...HISTORIES.map((history): Fault<Pull> => [
        history.id,
        async () => ({ groupId: await group(history), version: history.version }),
        history.expect,
      ]),
      [
        'a version that has retired',
        () => {
          world.server.answer = () => saying('VERSION_RETIRED');
          return { groupId: freshId(), version: 1n };
        },
        expected('VERSION_RETIRED'),
      ],
    ],
  });

  it.each(['KMC stopped', 'CPNS Server stopped', 'Redis stopped'])(
    `PullGroupKey by a PNE, %s, ${AT}: ${expected('DEPENDENCY_UNAVAILABLE')}`,
    async (why) => {
      const groupId = await group(ALWAYS);
      await world.notice({ groupId, revision: 4n, members: [CAMERA, GATEWAY] });
      const kept = world.store;
      const store = new FailingStore(kept);
      // the same gateway with nothing in memory
      await world.restart(() => store);
      if (why === 'Redis stopped') store.isAway = true;
      else world.server.answer = () => saying('DEPENDENCY_UNAVAILABLE');
      await expectRefusal(kept, () => pull({ groupId, version: 0n }), expected('DEPENDENCY_UNAVAILABLE'));
      store.isAway = false;
      world.server.answer = () => world.server.keyFor(groupId, 4n, [CAMERA]);
      await pull({ groupId, version: 0n });
      await world.restart();
    },
  );
});

it.each([
  ['JoinServiceGroup, KMC stopped', 'JoinServiceGroup'],
  ['JoinServiceGroup, CPNS Server stopped', 'JoinServiceGroup'],
  ['JoinServiceGroup, SMF stopped', 'JoinServiceGroup'],
  ['JoinServiceGroup, Redis stopped', 'JoinServiceGroup'],
  ['LeaveServiceGroup, CPNS Server stopped', 'LeaveServiceGroup'],
  ['LeaveServiceGroup, SMF stopped', 'LeaveServiceGroup'],
] as const)(`%s, ${AT}: ${expected('DEPENDENCY_UNAVAILABLE')}`, async (_title, name) => {
  // the SMF is away, or says that something else is
  world.smf.answer = () => saying('DEPENDENCY_UNAVAILABLE');
  const request = { groupId: freshId() };
  await expectRefusal(world.store, () => ask(name, request), expected('DEPENDENCY_UNAVAILABLE'));
  world.smf.answer = accepted;
  await ask(name, request);
});
