/** What bad input gets, of a module in this process: a table of each RPC with each fault, and the faults that messages share. */
import type { GroupDescription } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import type { Store } from '@cpns/store';
import { changesBetweenDumps, dump } from '@cpns/store/testing';

/** A fault in a good message. */
export interface Fault<R> {
  readonly id: string;
  /** The message with the fault in it. */
  readonly bad: (good: R) => R | Promise<R>;
  /** `CODE/REASON`, and ` field` where the details name one. */
  readonly expect: string;
  /** The only changes that the refusal may leave in the store. */
  readonly journal?: RegExp;
}

/** An RPC, and how it is called in a test. */
export interface BadInput<R> {
  /** Names the RPC in the tests' titles. */
  readonly name: string;
  /** The port at which it is served. */
  readonly at: string;
  /** A message that is accepted. */
  readonly good: () => R | Promise<R>;
  readonly send: (request: R) => Promise<unknown>;
  readonly faults: readonly Fault<R>[];
  /** Whether the good message is sent after the bad one: what was refused has burnt nothing. True by default. */
  readonly goodAfterwards?: boolean;
}

/** Declares a test for each fault: refused as expected, the store is as it was, and the good message is accepted after it. */
export function refusesBadInput<R>(store: () => Store, input: BadInput<R>): void {
  const { name, at, good, send, faults, goodAfterwards = true } = input;
  const titled = faults.map((fault) => [`${fault.id} (${name}), ${at}: ${fault.expect}`, fault] as const);
  test.each(titled)('%s', async (_title, { bad, expect: expected, journal }) => {
    const request = await good();
    const altered = await bad(request);
    await expectRefusal(store(), () => send(altered), expected, journal);
    if (goodAfterwards) await send(request);
  });
}

/** Holds the refusal of a call against what is expected, and the store against what it was before. */
export async function expectRefusal(
  store: Store,
  call: () => Promise<unknown>,
  expected: string,
  journal?: RegExp,
): Promise<void> {
  const before = await dump(store);
  const { code, reason, metadata } = await refusalOf(call);
  const said = `${code}/${reason}`;
  expect(expected.includes(' ') ? `${said} ${metadata.field}` : said).toBe(expected);
  const changes = changesBetweenDumps(before, await dump(store));
  expect(changes.filter((change) => journal?.test(change) !== true)).toEqual([]);
}

/** @throws Error when the call is accepted, and any error that is no refusal */
export async function refusalOf(call: () => Promise<unknown>): Promise<CpnsError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof CpnsError) return error;
    throw error;
  }
  throw new Error('the bad message was accepted');
}

/** As a title shows it, the group-id itself, and what it is refused with (protocol.md, "Names"). */
const WRONG_GROUP_IDS = [
  ['""', '', 'FIELD_MISSING'],
  ['"aaaaaaaa…"', 'a'.repeat(65), 'FIELD_TOO_LONG'],
  ...['.hidden', 'two words', 'a/b', 'caf\u00e9', 'a\n'].map((id) => [JSON.stringify(id), id, 'NAME_INVALID'] as const),
] as const;
/** The first of them are one for each reason. */
export const ONE_OF_EACH = 3;

export const groupIdFaults = <R extends { readonly groupId: string }>(
  count: number = WRONG_GROUP_IDS.length,
): Fault<R>[] =>
  WRONG_GROUP_IDS.slice(0, count).map(([shown, groupId, reason]) => ({
    id: `group-id ${shown}`,
    bad: (good) => ({ ...good, groupId }),
    expect: `INVALID_ARGUMENT/${reason} group_id`,
  }));

/** As CreateServiceGroup and CreateGroupKey have it. */
export interface Described {
  readonly description?: GroupDescription | undefined;
}

const DAY_MS = 86_400_000n;
type Range = readonly [id: string, field: string, change: Partial<GroupDescription>, reason?: string];
const WRONG_DESCRIPTIONS: readonly Range[] = [
  ['name of 129 characters', 'display_name', { displayName: 'n'.repeat(129) }, 'FIELD_TOO_LONG'],
  ['no mode of delivery', 'delivery', { delivery: 0 }],
  ['a third mode of delivery', 'delivery', { delivery: 3 as GroupDescription['delivery'] }],
  ['seal period of 0', 'seal_period', { sealPeriod: 0n }],
  ['seal period of 999 ms', 'seal_period', { sealPeriod: 999n }],
  ['seal period of over 30 days', 'seal_period', { sealPeriod: 30n * DAY_MS + 1n }],
  ['seal period of 2^64 - 1 ms', 'seal_period', { sealPeriod: 2n ** 64n - 1n }],
  ['update period of a day', 'update_period', { updatePeriod: DAY_MS }],
  ['100,001 members at most', 'max_members', { maxMembers: 100_001 }],
  ['4,294,967,295 members at most', 'max_members', { maxMembers: 2 ** 32 - 1 }],
];

/** Of a GroupDescription, each field wrong by itself (GK-CREATE). */
export function descriptionFaults<R extends Described>(): Fault<R>[] {
  const changed = (good: R, change: Partial<GroupDescription>) => ({
    ...good,
    description: { ...good.description!, ...change },
  });
  return [
    {
      id: 'no description',
      bad: (good) => ({ ...good, description: undefined }),
      expect: 'INVALID_ARGUMENT/FIELD_MISSING description',
    },
    ...WRONG_GROUP_IDS.map(([shown, groupId, reason]) => ({
      id: `group-id ${shown} in a description`,
      bad: (good: R) => changed(good, { groupId }),
      expect: `INVALID_ARGUMENT/${reason} group_id`,
    })),
    ...WRONG_DESCRIPTIONS.map(([id, field, change, reason = 'FIELD_OUT_OF_RANGE']) => ({
      id,
      bad: (good: R) => changed(good, change),
      expect: `INVALID_ARGUMENT/${reason} ${field}`,
    })),
  ];
}

const OTHER = 'cpns://pn1.td.example/pne/other';

/** Names of entities in a list of members that are none, one too many, or one twice. */
export const memberFaults = <R extends { readonly members: string[] }>(): Fault<R>[] =>
  (
    [
      ['an empty name', () => ['', OTHER], 'INVALID_ARGUMENT/FIELD_MISSING members'],
      ['a name that is no E', () => ['living-room-lamp', OTHER], 'INVALID_ARGUMENT/NAME_INVALID members'],
      [
        'the name of a service',
        () => ['cpns://td.example/service/cpns-server', OTHER],
        'INVALID_ARGUMENT/NAME_INVALID members',
      ],
      ['an E with a user', ([first]) => [`${first}?user=alice`], 'INVALID_ARGUMENT/NAME_INVALID'],
      [
        'an E with an over-long entity-id',
        () => [`cpns://pn1.td.example/pne/${'x'.repeat(65)}`, OTHER],
        'INVALID_ARGUMENT/FIELD_TOO_LONG',
      ],
      [
        'an E of another trust domain',
        () => ['cpns://pn1.other.example/pne/lamp', OTHER],
        'PERMISSION_DENIED/TRUST_DOMAIN',
      ],
      [
        '1,001 names',
        () => Array.from({ length: 1_001 }, (_, n) => `${OTHER}-${n}`),
        'INVALID_ARGUMENT/FIELD_TOO_LONG members',
      ],
      ['a name twice', ([first = '']) => [first, first], 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE members'],
    ] as [string, (members: string[]) => string[], string][]
  ).map(([id, change, expected]) => ({
    id,
    bad: (good) => ({ ...good, members: change(good.members) }),
    expect: expected,
  }));
