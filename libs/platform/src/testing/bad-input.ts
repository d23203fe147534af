/** What bad input gets, of a module in this process: a table of each RPC with each fault, and the faults that messages share. */
import { GroupKeyDeliveryMode, type GroupDescription } from '@cpns/contracts';
import { CpnsError, type Code, type Reason } from '@cpns/core';
import type { Store } from '@cpns/store';
import { changesBy } from '@cpns/store/testing';

/** What is other than in the good message. */
type Change<R> = Partial<R> | ((good: R) => Partial<R> | Promise<Partial<R>>);

/**
 * A fault in a good message; `CODE/REASON` of its refusal, and ` field` where the details name one; the only changes that
 * the refusal may leave in the store.
 */
export type Fault<R> = readonly [id: string, change: Change<R>, expected: string, journal?: RegExp];

/** An RPC, and how it is called in a test. */
export interface BadInput<R> {
  /** Names the RPC in the tests' titles. */
  readonly name: string;
  /** A message that is accepted. */
  readonly good: () => R | Promise<R>;
  readonly send: (request: R) => Promise<unknown>;
  readonly faults: readonly Fault<R>[];
}

/**
 * Declares a test for each fault: refused as expected, the store is as it was, and the good message is accepted after it.
 * @param at the port at which the RPC is served
 */
export function refusesBadInput<R>(store: () => Store, at: string, { name, good, send, faults }: BadInput<R>): void {
  const titled = faults.map((fault) => [`${fault[0]} (${name}), ${at}: ${fault[2]}`, fault] as const);
  test.each(titled)('%s', async (_title, [, change, expected, journal]) => {
    const request = await good();
    const changed = typeof change === 'function' ? await change(request) : change;
    await expectRefusal(store(), () => send({ ...request, ...changed }), expected, journal);
    await send(request);
  });
}

/** As an error has it that was thrown in this process, and one that was read off the wire. */
export interface Refusal extends Error {
  readonly code: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Holds the refusal of a call against what is expected, and the store against what it was before. */
export async function expectRefusal(
  store: Store,
  call: () => Promise<unknown>,
  expected: string,
  journal?: RegExp,
): Promise<void> {
  const changes = await changesBy(store, async () => {
    const { code, reason, metadata } = await refusalOf(call);
    const said = `${code}/${reason}`;
    expect(expected.includes(' ') ? `${said} ${metadata.field}` : said).toBe(expected);
  });
  expect(changes.filter((change) => journal?.test(change) !== true)).toEqual([]);
}

/** @throws Error when the call is accepted, and any error that is no refusal */
export async function refusalOf(call: () => Promise<unknown>): Promise<Refusal> {
  try {
    await call();
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'reason' in error && 'metadata' in error) return error as Refusal;
    throw error;
  }
  throw new Error('the bad message was accepted');
}

/** `CODE/REASON` of a refusal, or `accepted`; any other error is passed on. */
export const outcomeOf = (call: Promise<unknown>): Promise<`${Code}/${Reason}` | 'accepted'> =>
  call.then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof CpnsError) return `${error.code}/${error.reason}` as const;
      throw error;
    },
  );

export interface OfGroup {
  readonly groupId: string;
}

/** The group-ids that are none, as a title shows them (protocol.md, "Names"). */
export const GROUP_ID_FAULTS = (
  [
    ['""', '', 'FIELD_MISSING'],
    ['"aaaaaaaa…"', 'a'.repeat(65), 'FIELD_TOO_LONG'],
    ...['.hidden', 'two words', 'a/b', 'caf\u00e9', 'a\n'].map(
      (id) => [JSON.stringify(id), id, 'NAME_INVALID'] as const,
    ),
  ] as const
).map(
  ([shown, groupId, reason]) => [`group-id ${shown}`, { groupId }, `INVALID_ARGUMENT/${reason} group_id`] as const,
) satisfies Fault<OfGroup>[];
/** One for each reason. */
export const ONE_OF_EACH = GROUP_ID_FAULTS.slice(0, 3);
export const GROUP_DELETED = 'FAILED_PRECONDITION/GROUP_DELETED';

/** A group-id of no group, and one of a group that was deleted. */
export const unknownGroup = (groupId: () => string): Fault<OfGroup> => [
  'unknown group',
  () => ({ groupId: groupId() }),
  'NOT_FOUND/NOT_FOUND',
];
export const deletedGroup = (groupId: () => Promise<string>, expected = GROUP_DELETED): Fault<OfGroup> => [
  'deleted group',
  async () => ({ groupId: await groupId() }),
  expected,
];

/** As CreateServiceGroup and CreateGroupKey have it. */
export interface Described {
  readonly description?: GroupDescription | undefined;
}

/** What a group is told of that pulls, and whose members seal for a minute with a statement. */
export const descriptionOf = (groupId: string, change: Partial<GroupDescription> = {}): GroupDescription => ({
  groupId,
  displayName: 'a group',
  delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL,
  sealPeriod: 60_000n,
  updatePeriod: 0n,
  maxMembers: 0,
  openToJoin: false,
  activationDelay: 0n,
  joinWindow: 0n,
  preparedVersions: 0,
  joinKeepsVersion: false,
  ...change,
});

const DAY_MS = 86_400_000n;
const PUSHES = GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH;
const EVERY_DAY = { updatePeriod: DAY_MS };
type Range = readonly [id: string, field: string, change: Partial<GroupDescription>, reason?: string];
const WRONG_DESCRIPTIONS: readonly Range[] = [
  ['name of 129 characters', 'display_name', { displayName: 'n'.repeat(129) }, 'FIELD_TOO_LONG'],
  ['no mode of delivery', 'delivery', { delivery: 0 }],
  ['a third mode of delivery', 'delivery', { delivery: 3 as GroupDescription['delivery'] }],
  ['seal period of 0', 'seal_period', { sealPeriod: 0n }],
  ['seal period of 999 ms', 'seal_period', { sealPeriod: 999n }],
  ['seal period of over 30 days', 'seal_period', { sealPeriod: 30n * DAY_MS + 1n }],
  ['seal period of 2^64 - 1 ms', 'seal_period', { sealPeriod: 2n ** 64n - 1n }],
  ['update period of a minute', 'update_period', { updatePeriod: 60_000n }],
  [
    'update period of no more than its delay and a minute',
    'update_period',
    { updatePeriod: 65_000n, activationDelay: 5_000n },
  ],
  ['update period of over 365 days', 'update_period', { updatePeriod: 365n * DAY_MS + 1n }],
  ['activation delay of over a day', 'activation_delay', { activationDelay: DAY_MS + 1n }],
  ['join window in a group that pulls', 'join_window', { joinWindow: 1n }],
  ['join window of over a day', 'join_window', { delivery: PUSHES, joinWindow: DAY_MS + 1n }],
  [
    'prepared versions in a group that pushes',
    'prepared_versions',
    { ...EVERY_DAY, delivery: PUSHES, preparedVersions: 1 },
  ],
  ['two prepared versions without an update period', 'prepared_versions', { preparedVersions: 2 }],
  ['nine prepared versions', 'prepared_versions', { ...EVERY_DAY, preparedVersions: 9 }],
  ['100,001 members at most', 'max_members', { maxMembers: 100_001 }],
  ['4,294,967,295 members at most', 'max_members', { maxMembers: 2 ** 32 - 1 }],
];
const inDescription = (id: string, change: Partial<GroupDescription>, expected: string): Fault<Described> => [
  id,
  ({ description }) => ({ description: { ...description!, ...change } }),
  expected,
];

/** Of a GroupDescription, each field wrong by itself (GK-CREATE). */
export const DESCRIPTION_FAULTS: readonly Fault<Described>[] = [
  ['no description', { description: undefined }, 'INVALID_ARGUMENT/FIELD_MISSING description'],
  ...GROUP_ID_FAULTS.map(([id, change, expected]) => inDescription(`${id} in a description`, change, expected)),
  ...WRONG_DESCRIPTIONS.map(([id, field, change, reason = 'FIELD_OUT_OF_RANGE']) =>
    inDescription(id, change, `INVALID_ARGUMENT/${reason} ${field}`),
  ),
];

const OTHER = 'cpns://pn1.td.example/pne/other';
const NO_NAME = 'INVALID_ARGUMENT/NAME_INVALID members';
const CROWD = Array.from({ length: 1_001 }, (_, n) => `${OTHER}-${n}`);

export interface WithMembers {
  readonly members: string[];
}

/** Names of entities in a list of members that are none, one too many, or one twice. */
export const MEMBER_FAULTS: readonly Fault<WithMembers>[] = [
  ['an empty name', { members: ['', OTHER] }, 'INVALID_ARGUMENT/FIELD_MISSING members'],
  ['a name that is no E', { members: ['living-room-lamp', OTHER] }, NO_NAME],
  ['the name of a service', { members: ['cpns://td.example/service/cpns-server', OTHER] }, NO_NAME],
  [
    'an E with a user',
    ({ members: [first] }) => ({ members: [`${first}?user=alice`] }),
    'INVALID_ARGUMENT/NAME_INVALID',
  ],
  [
    'an E with an over-long entity-id',
    { members: [`cpns://pn1.td.example/pne/${'x'.repeat(65)}`, OTHER] },
    'INVALID_ARGUMENT/FIELD_TOO_LONG',
  ],
  [
    'an E of another trust domain',
    { members: ['cpns://pn1.other.example/pne/lamp', OTHER] },
    'PERMISSION_DENIED/TRUST_DOMAIN',
  ],
  ['1,001 names', { members: CROWD }, 'INVALID_ARGUMENT/FIELD_TOO_LONG members'],
  [
    'a name twice',
    ({ members: [first = ''] }) => ({ members: [first, first] }),
    'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE members',
  ],
];
