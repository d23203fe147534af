import type { AdmissionAnswer, KeyAnswer } from '../describe';
import { joinEntities } from './list';

const admission = (entity: string, tokenId: string, admittedAt: string): AdmissionAnswer => ({
  tokenId,
  entity,
  user: 'alice',
  role: 'target-entity',
  form: 'secret',
  assigner: 'cpns://td/service/cpns-server',
  state: 'open',
  delivered: true,
  admittedAt,
  expiresAt: null,
});
const key = (entity: string): KeyAnswer => ({
  entity,
  user: null,
  form: 'key-pair',
  assigner: 'cpns://pn1.td/pn-gw/g',
  state: 'live',
  keyId: null,
  notAfter: null,
  registeredAt: null,
  certificateDigest: null,
  tokenId: null,
});

describe('joinEntities', () => {
  it('has each entity once, in order, with its newest admission and its key', () => {
    const joined = joinEntities(
      [
        admission('b', 't1', '2026-01-01T00:00:00.000Z'),
        admission('b', 't2', '2026-01-02T00:00:00.000Z'),
        admission('a', 't3', '2026-01-01T00:00:00.000Z'),
      ],
      [key('b'), key('c')],
    );
    expect(
      joined.map(({ entity, admission: newest, key: held }) => [entity, newest?.tokenId ?? null, held !== null]),
    ).toEqual([
      ['a', 't3', false],
      ['b', 't2', true],
      ['c', null, true],
    ]);
    expect(joined[1]).toMatchObject({ user: 'alice', form: 'secret' });
    expect(joined[2]).toMatchObject({ user: null, form: 'key-pair', assigner: 'cpns://pn1.td/pn-gw/g' });
  });

  it('is empty where nobody was admitted', () => {
    expect(joinEntities([], [])).toEqual([]);
  });
});
