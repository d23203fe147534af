/** Every unit and contract suite of libs/, apps/ and tools/: one Jest run, out/test/unit.json. */
export const UNIT = 'unit';

/** The same on Node 24: `.ci/full`. */
export const UNIT_NODE_24 = 'unit-node24';

/** Suites over real processes that are quick enough for `npm test`: targets of the Nx project e2e. */
export const FAST_SUITES = ['hostile-gateway', 'key-kinds', 'rights'];

/** Suites over real processes that `.ci/full` and `npm run e2e` run besides. */
export const SLOW_SUITES = [
  'away',
  'bad-input',
  'enrol-many',
  'gateway-alone',
  'membership',
  'restart',
  'revoke',
  'rotation',
  'secrets',
  'streams',
];

export const E2E_SUITES = [...FAST_SUITES, ...SLOW_SUITES];
