import { join } from 'node:path';
import { mainOf } from './workspace';

const VARIABLE = 'TESTBED_PROGRAMS';

describe('mainOf', () => {
  const { [VARIABLE]: given } = process.env;
  afterEach(() => {
    delete process.env[VARIABLE];
    if (given !== undefined) process.env[VARIABLE] = given;
  });

  it('is what the build compiled, unless the variable says otherwise', () => {
    delete process.env[VARIABLE];
    expect(mainOf('kmc')).toMatch(new RegExp(`${join('apps', 'kmc', 'dist', 'main.js')}$`));
  });

  it('refuses a form of programs that there is not', () => {
    process.env[VARIABLE] = 'bundel';
    expect(() => mainOf('kmc')).toThrow('TESTBED_PROGRAMS is dist or bundle, not bundel');
  });
});
