import { envFor, forProcess } from './deployment-options';

describe('what concerns one process', () => {
  const all = { pne: { A: 'all', B: 'all' }, 'cpns://pn1.td/pne/p': { B: 'one' }, kmc: { C: 'x' } };

  it('comes in the order of its names, the particular last', () => {
    expect(forProcess(all, 'pne', 'cpns://pn1.td/pne/p')).toEqual([all.pne, all['cpns://pn1.td/pne/p']]);
    expect(envFor(all, 'pne', 'cpns://pn1.td/pne/p')).toEqual({ A: 'all', B: 'one' });
  });

  it('is nothing where nothing is said', () => {
    expect(forProcess(all, 'smf')).toEqual([]);
    expect(envFor(undefined, 'kmc')).toEqual({});
  });
});
