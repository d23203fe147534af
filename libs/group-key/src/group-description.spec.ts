import { failureOf } from '@cpns/core/testing';
import {
  checkDescription,
  completeDescription,
  type DescriptionDraft,
  GROUP_LIMITS,
  type GroupDescription,
  requireUpdatePeriod,
} from './group-description';

const draft: DescriptionDraft = {
  groupId: 'g1',
  displayName: 'Fire brigade',
  delivery: 'pull',
  sealPeriod: 86_400_000n,
  updatePeriod: 0n,
  maxMembers: 0,
  openToJoin: false,
  activationDelay: 0n,
  joinWindow: 0n,
  preparedVersions: 0,
  joinKeepsVersion: false,
};
const DAY = 86_400_000n;
const UPDATE_PERIOD = 'FIELD_OUT_OF_RANGE update_period';
const PREPARED = 'FIELD_OUT_OF_RANGE prepared_versions';

const drafted = (changed: Partial<DescriptionDraft>): string => {
  const refusal = failureOf(() => checkDescription({ ...draft, ...changed }));
  return refusal === undefined ? 'accepted' : `${refusal.reason} ${refusal.metadata.field}`;
};

describe('a group description', () => {
  it('comes back with its defaults, periods as numbers', () => {
    const numbers = { sealPeriod: 86_400_000, updatePeriod: 0, activationDelay: 0, joinWindow: 0 };
    expect(checkDescription(draft)).toEqual({ ...draft, ...numbers, maxMembers: 1_000 });
    const other = { delivery: 'push', maxMembers: 7, openToJoin: true, joinKeepsVersion: true } as const;
    expect(checkDescription({ ...draft, ...other, joinWindow: 5_000n })).toMatchObject({ ...other, joinWindow: 5_000 });
  });

  it.each<[string, Partial<DescriptionDraft>, string]>([
    ['no id', { groupId: '' }, 'FIELD_MISSING group_id'],
    ['an id of 64 characters', { groupId: 'g'.repeat(64) }, 'accepted'],
    ['an id of 65 characters', { groupId: 'g'.repeat(65) }, 'FIELD_TOO_LONG group_id'],
    ['an id that begins with a dot', { groupId: '.g' }, 'NAME_INVALID group_id'],
    ['an id with a slash', { groupId: 'a/b' }, 'NAME_INVALID group_id'],
    ['no name for people', { displayName: '' }, 'accepted'],
    ['a name of 128 characters', { displayName: '☃'.repeat(128) }, 'accepted'],
    ['a name of 128 characters outside the BMP', { displayName: '🚒'.repeat(128) }, 'accepted'],
    ['a name of 129 characters', { displayName: 'n'.repeat(129) }, 'FIELD_TOO_LONG display_name'],
    ['no seal period', { sealPeriod: 0n }, 'FIELD_OUT_OF_RANGE seal_period'],
    ['a seal period below a second', { sealPeriod: 999n }, 'FIELD_OUT_OF_RANGE seal_period'],
    ['a seal period of a second', { sealPeriod: 1_000n }, 'accepted'],
    ['a seal period of 30 days', { sealPeriod: 2_592_000_000n }, 'accepted'],
    ['a longer seal period', { sealPeriod: 2_592_000_001n }, 'FIELD_OUT_OF_RANGE seal_period'],
    ['a seal period beyond any number', { sealPeriod: 2n ** 64n - 1n }, 'FIELD_OUT_OF_RANGE seal_period'],
    ['an update period of no more than the grace', { updatePeriod: 60_000n }, 'FIELD_OUT_OF_RANGE update_period'],
    ['one that is longer', { updatePeriod: 60_001n }, 'accepted'],
    ['none and a delay', { activationDelay: 5_000n }, 'accepted'],
    ['one that leaves no time for delay and grace', { updatePeriod: 65_000n, activationDelay: 5_000n }, UPDATE_PERIOD],
    ['one that does', { updatePeriod: 65_001n, activationDelay: 5_000n }, 'accepted'],
    ['an update period of 365 days', { updatePeriod: 365n * DAY }, 'accepted'],
    ['a longer one', { updatePeriod: 365n * DAY + 1n }, UPDATE_PERIOD],
    ['one beyond any number', { updatePeriod: 2n ** 64n - 1n }, UPDATE_PERIOD],
    ['an activation delay of a day', { activationDelay: DAY }, 'accepted'],
    ['a longer delay', { activationDelay: DAY + 1n }, 'FIELD_OUT_OF_RANGE activation_delay'],
    ['a join window where it pushes', { delivery: 'push', joinWindow: DAY }, 'accepted'],
    ['a longer window', { delivery: 'push', joinWindow: DAY + 1n }, 'FIELD_OUT_OF_RANGE join_window'],
    ['a join window where it pulls', { joinWindow: 1n }, 'FIELD_OUT_OF_RANGE join_window'],
    ['prepared versions where it pulls', { updatePeriod: DAY, preparedVersions: 8 }, 'accepted'],
    ['nine of them', { updatePeriod: DAY, preparedVersions: 9 }, PREPARED],
    ['fewer than none of them', { updatePeriod: DAY, preparedVersions: -1 }, PREPARED],
    ['one where nothing is made by time', { preparedVersions: 1 }, 'accepted'],
    ['two where nothing is made by time', { preparedVersions: 2 }, PREPARED],
    ['one where it pushes', { delivery: 'push', updatePeriod: DAY, preparedVersions: 1 }, PREPARED],
    ['one member at most', { maxMembers: 1 }, 'accepted'],
    ['100,000 members at most', { maxMembers: GROUP_LIMITS.maxMembers }, 'accepted'],
    ['more members', { maxMembers: 100_001 }, 'FIELD_OUT_OF_RANGE max_members'],
    ['fewer than none', { maxMembers: -1 }, 'FIELD_OUT_OF_RANGE max_members'],
    ['half a member', { maxMembers: 1.5 }, 'FIELD_OUT_OF_RANGE max_members'],
  ])('with %s', (_what, changed, expected) => {
    expect(drafted(changed)).toBe(expected);
  });
});

test('what an older release stored has the defaults of what was added since', () => {
  const { activationDelay, joinWindow, preparedVersions, joinKeepsVersion, ...stored } = checkDescription(draft);
  expect(completeDescription(stored as GroupDescription)).toEqual(checkDescription(draft));
  const said = { ...checkDescription(draft), activationDelay: 5_000 };
  expect(completeDescription(said)).toEqual(said);
});

test.each([
  ['none', 0, 0, 'accepted'],
  ['one that the delay of the Server is too long for', 70_000, 0, 'FIELD_OUT_OF_RANGE'],
  ['one with a shorter delay of its own', 70_000, 5_000, 'accepted'],
  ['one that is just long enough', 90_001, 0, 'accepted'],
])('at a Server with a delay of 30 s an update period: %s', (_what, updatePeriod, activationDelay, expected) => {
  const check = () => requireUpdatePeriod({ updatePeriod, activationDelay }, 30_000);
  expect(failureOf(check)?.reason ?? 'accepted').toBe(expected);
});
