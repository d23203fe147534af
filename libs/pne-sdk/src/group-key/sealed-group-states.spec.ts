import { GroupKey, systemRandom } from '@cpns/core';
import type { KnownVersion } from '@cpns/group-key';
import { testVersion } from '@cpns/group-key/testing';
import { recordsOn, rawDump, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import fc from 'fast-check';
import { deviceAggregate, SealedDeviceStates } from '../state/sealed-device-states';
import type { GroupContent, GroupState, GroupStates, ReplayBucket } from './group-state';
import { newGroup } from './groups-in-use';
import { SealedGroupStates } from './sealed-group-states';

jest.setTimeout(60_000);

const GROUP = 'living-room';
const ENTITY = 'cpns://pn1.example.org/pne/alice';
let temporary: TemporaryStore;

beforeEach(async () => {
  temporary = await temporaryStore();
});
afterEach(() => temporary.dispose());

const records = () => recordsOn(temporary.store);

const open = async (name?: string): Promise<GroupStates> => new SealedDeviceStates(await records(), name).groups;

const fresh = (groupId = GROUP): GroupState => newGroup(groupId, ENTITY, systemRandom.bytes(16));
const version = (number: bigint): KnownVersion => testVersion(0, systemRandom, { groupId: GROUP, version: number });
const withVersions = (state: GroupState, versions: readonly KnownVersion[], retiredThrough = 0n): GroupContent => ({
  ...state,
  keyring: { ...state.keyring, retiredThrough, versions },
});
/** Secrets in the clear, so that states can be compared by what they hold. */
const bare = (state: GroupState | undefined) =>
  state && {
    ...state,
    keyring: state.keyring.versions.map(({ statement, groupKey }) => [statement, groupKey?.expose().toString('hex')]),
    retiredThrough: state.keyring.retiredThrough,
  };
const bucket = (of: bigint, serial: number, number = 0): ReplayBucket => ({
  version: of,
  bucket: number,
  serial,
  senders: [
    {
      version: of,
      sender: ENTITY,
      windows: [{ session: Buffer.alloc(16, serial), highest: 9n, bits: Buffer.alloc(128, 5) }],
      closed: [Buffer.alloc(16, 1)],
    },
  ],
});
const conflict = { reason: 'CONFLICT' };

describe('sealed group states', () => {
  it('has nothing of a group that it was told nothing of', async () => {
    const states = await open();
    await expect(states.read(GROUP)).resolves.toBeUndefined();
    await expect(states.list()).resolves.toEqual([]);
    await expect(states.readReplay(fresh())).resolves.toEqual([]);
  });

  it('gives back what it took, also to the next process', async () => {
    const states = await open();
    const first = await states.replace(fresh(), withVersions(fresh(), [version(1n), version(2n)]));
    const end = { ...version(3n), statement: { ...version(3n).statement, commitment: Buffer.alloc(0) } };
    const after = await states.replace(first, {
      ...withVersions(first, [...first.keyring.versions.slice(1), { statement: end.statement }], 1n),
      left: true,
    });
    expect(after.serial).toBe(2);
    const read = await (await open()).read(GROUP);
    expect(bare(read)).toEqual(bare(after));
    expect(read!.keyring.versions[0]!.groupKey).toBeInstanceOf(GroupKey);
  });

  it('gives back any state that it took (property)', async () => {
    const states = await open();
    let known: GroupState = fresh();
    const number = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n });
    const keyring = fc.record({
      versions: fc.uniqueArray(number, { maxLength: 40 }).map((all) => [...all].sort((a, b) => (a < b ? -1 : 1))),
      held: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
      retiredThrough: number,
      left: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(keyring, async ({ versions, held, retiredThrough, left }) => {
        const next = versions.map((each, index) => {
          const { statement, groupKey } = testVersion(0, systemRandom, { groupId: GROUP, version: each });
          return { statement, ...(held[index] && { groupKey }) };
        });
        known = await states.replace(known, { ...withVersions(known, next, retiredThrough), left });
        expect(bare(await states.read(GROUP))).toEqual(bare(known));
      }),
      { numRuns: 15 },
    );
  });

  it('keeps groups and devices apart, whatever they are called', async () => {
    const [self, other] = [await open(), await open('other')];
    for (const groupId of ['a', 'a.b', 'a-version-1', 'version', 'replay'])
      await self.replace(fresh(groupId), { ...fresh(groupId), left: true });
    await expect(self.list()).resolves.toEqual(['a', 'a.b', 'a-version-1', 'version', 'replay']);
    await expect(self.read('a')).resolves.toMatchObject({ groupId: 'a', serial: 1 });
    await expect(other.list()).resolves.toEqual([]);
    await expect(other.read('a')).resolves.toBeUndefined();
  });

  it('refuses a change of what another process changed', async () => {
    const states = await open();
    const one = await states.replace(fresh(), { ...fresh(), left: true });
    await states.replace(one, { ...one, left: false });
    await expect(states.replace(one, { ...one, left: true })).rejects.toMatchObject(conflict);
    await expect(states.replace(fresh(), fresh())).rejects.toMatchObject(conflict);
  });

  it('takes what is gone out of the store, with what was opened under it, many at once', async () => {
    const states = await open();
    const versions = Array.from({ length: 50 }, (_, n) => version(BigInt(n + 1)));
    let state = await states.replace(fresh(), withVersions(fresh(), versions));
    await states.writeReplay(
      GROUP,
      versions.map(({ statement }) => bucket(statement.version, 1, 63)),
    );
    await expect(states.readReplay(state)).resolves.toHaveLength(50);
    const before = await rawDump(temporary.store);
    expect(before.filter(({ key }) => key.includes(':replay:'))).toHaveLength(50);
    state = await states.replace(state, withVersions(state, versions.slice(-1), 49n));
    const raw = await rawDump(temporary.store);
    expect(raw.filter(({ key }) => key.includes(':replay:'))).toHaveLength(1);
    expect(raw.filter(({ key }) => key.includes(':version:'))).toHaveLength(1);
    expect(bare(await states.read(GROUP))).toEqual(bare(state));
  });

  it('shows no Group Key in what it stores', async () => {
    const states = await open();
    const known = version(1n);
    await states.replace(fresh(), withVersions(fresh(), [known]));
    const raw = Buffer.concat((await rawDump(temporary.store)).flatMap(({ key, value }) => [key, value]));
    const key = known.groupKey!.expose();
    expect(raw.includes(known.statement.commitment.toString('base64'))).toBe(true);
    for (const form of [key, key.toString('hex'), key.toString('base64')]) expect(raw.includes(form)).toBe(false);
  });

  it('refuses records that are mixed from different times', async () => {
    const states = await open();
    const { store } = temporary;
    const aggregate = deviceAggregate('self');
    const name = `group:${GROUP}:version:1`;
    const first = await states.replace(fresh(), withVersions(fresh(), [version(1n)]));
    const { statement } = first.keyring.versions[0]!;
    // authentic, but of another key than its statement says
    const wrong = { statement, groupKey: new GroupKey(systemRandom.bytes(32)) };
    const second = await states.replace(first, withVersions(first, [wrong]));
    await expect(states.read(GROUP)).rejects.toMatchObject({ reason: 'STORED_RECORD_INVALID' });
    const third = await states.replace(second, withVersions(second, [version(1n)]));
    expect(third.serial).toBe(3);
    await expect(states.read(GROUP)).resolves.toMatchObject({ serial: 3 });
    const revision = (await store.read(aggregate, [name])).get(name)!.revision;
    await store.commit(aggregate, { expect: [{ name, revision }], delete: [name] });
    await expect(states.read(GROUP)).rejects.toMatchObject({ reason: 'STORED_RECORD_INVALID' });
  });

  it('is of at most so many groups', async () => {
    const states = new SealedGroupStates(await records(), deviceAggregate('self'), 8);
    for (let n = 0; n < 8; n++) await states.replace(fresh(`g${n}`), { ...fresh(`g${n}`), left: true });
    await expect(states.replace(fresh(), fresh())).rejects.toMatchObject({ reason: 'LIMIT_REACHED' });
    const known = (await states.read('g7'))!;
    await expect(states.replace(known, { ...known, left: false })).resolves.toMatchObject({ serial: 2 });
  });
});

describe('what was opened', () => {
  it('is given back for every version in the keyring', async () => {
    const states = await open();
    const state = await states.replace(fresh(), withVersions(fresh(), [version(1n), version(2n)]));
    const buckets = [bucket(1n, 1, 0), bucket(1n, 1, 63), bucket(2n, 1, 7)];
    await states.writeReplay(GROUP, buckets);
    await states.writeReplay(GROUP, [bucket(2n, 2, 7)]);
    await expect((await open()).readReplay(state)).resolves.toEqual([...buckets.slice(0, 2), bucket(2n, 2, 7)]);
  });

  it('is refused when another process wrote it', async () => {
    const states = await open();
    const state = await states.replace(fresh(), withVersions(fresh(), [version(1n)]));
    await states.writeReplay(GROUP, [bucket(1n, 1)]);
    for (const serial of [1, 3])
      await expect(states.writeReplay(GROUP, [bucket(1n, serial)])).rejects.toMatchObject(conflict);
    await expect(states.readReplay(state)).resolves.toEqual([bucket(1n, 1)]);
  });
});
