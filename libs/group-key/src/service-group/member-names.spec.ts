import { outcomeOf } from '@cpns/core/testing';
import { checkMembers, checkSomeMembers, MEMBERS_PER_CALL } from './membership';

const TD = 'td.example';
const member = (n: number) => `cpns://pn1.${TD}/pne/e${String(n).padStart(4, '0')}`;
const members = (count: number) => Array.from({ length: count }, (_, n) => member(n));

const sizeOf = (names: readonly string[], check = checkMembers) => outcomeOf(() => check(names, TD).length);

describe('the names that a call carries', () => {
  it.each<[string, readonly string[], unknown]>([
    ['none', [], 0],
    ['a PNE', [member(1)], 1],
    ['a PN GW', [`cpns://pn1.${TD}/pn-gw/gw1`], 1],
    ['the most there may be', members(MEMBERS_PER_CALL), 1_000],
    ['one more', members(MEMBERS_PER_CALL + 1), 'FIELD_TOO_LONG'],
    ['one twice', [member(1), member(2), member(1)], 'FIELD_OUT_OF_RANGE'],
    ['an empty one', [member(1), ''], 'FIELD_MISSING'],
    ['one that is longer than any', [`${member(1)}${'x'.repeat(400)}`], 'FIELD_TOO_LONG'],
    ['a service', [`cpns://${TD}/service/smf`], 'NAME_INVALID'],
    ['an operator', [`cpns://${TD}/operator/ann`], 'NAME_INVALID'],
    ['an entity with its user', [`${member(1)}?user=ann`], 'NAME_INVALID'],
    ['an entity of another trust domain', ['cpns://pn1.other.example/pne/e1'], 'TRUST_DOMAIN'],
    ['one whose pn-id would be a label of the domain', [`cpns://a.b.${TD}/pne/e1`], 'TRUST_DOMAIN'],
  ])('%s', (_what, names, expected) => {
    expect(sizeOf(names)).toBe(expected);
  });

  it('come back sorted', () => {
    const found = checkMembers([member(3), member(1), member(2)], TD).map(({ uri }) => uri);
    expect(found).toEqual([member(1), member(2), member(3)]);
  });

  it('may have to be there', () => {
    expect([sizeOf([], checkSomeMembers), sizeOf([member(1)], checkSomeMembers)]).toEqual(['FIELD_MISSING', 1]);
  });
});
