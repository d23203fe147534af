import { failureOf } from '@cpns/core/testing';
import { checkDescription, GROUP_LIMITS, type DescriptionDraft } from './description';

const draft: DescriptionDraft = {
  groupId: 'g1',
  displayName: 'Fire brigade',
  delivery: 'pull',
  sealPeriod: 86_400_000n,
  updatePeriod: 0n,
  maxMembers: 0,
  openToJoin: false,
};

const outcome = (changed: Partial<DescriptionDraft>): string => {
  const refusal = failureOf(() => checkDescription({ ...draft, ...changed }));
  return refusal === undefined ? 'accepted' : `${refusal.reason} ${refusal.metadata.field}`;
};

describe('a group description', () => {
  it('comes back with its defaults, periods as numbers', () => {
    expect(checkDescription(draft)).toEqual({ ...draft, sealPeriod: 86_400_000, updatePeriod: 0, maxMembers: 1_000 });
    const other = { delivery: 'push', maxMembers: 7, openToJoin: true } as const;
    expect(checkDescription({ ...draft, ...other })).toMatchObject(other);
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
    ['a renewal by time', { updatePeriod: 60_000n }, 'FIELD_OUT_OF_RANGE update_period'],
    ['one member at most', { maxMembers: 1 }, 'accepted'],
    ['100,000 members at most', { maxMembers: GROUP_LIMITS.maxMembers }, 'accepted'],
    ['more members', { maxMembers: 100_001 }, 'FIELD_OUT_OF_RANGE max_members'],
    ['fewer than none', { maxMembers: -1 }, 'FIELD_OUT_OF_RANGE max_members'],
    ['half a member', { maxMembers: 1.5 }, 'FIELD_OUT_OF_RANGE max_members'],
  ])('with %s', (_what, changed, expected) => {
    expect(outcome(changed)).toBe(expected);
  });
});
