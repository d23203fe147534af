import { forProcess } from './deployment-options';

describe('what concerns one process', () => {
  const all = { pne: { A: 'all', B: 'all' }, 'cpns://pn1.td/pne/p': { B: 'one' }, kmc: { C: 'x' } };
  const nodeOptions = { 'cpns://pn1.td/pne/p': ['--one'], pne: ['--all', '--require'] };

  it('comes in the order of its names, the particular last', () =>
    expect(forProcess({ env: all, nodeOptions }, 'pne', 'cpns://pn1.td/pne/p')).toEqual({
      env: { A: 'all', B: 'one' },
      nodeOptions: ['--all', '--require', '--one'],
    }));

  it('is nothing where nothing is said', () => {
    expect(forProcess({ env: all }, 'smf')).toEqual({ env: {}, nodeOptions: [] });
    expect(forProcess({}, 'kmc')).toEqual({ env: {}, nodeOptions: [] });
  });
});
