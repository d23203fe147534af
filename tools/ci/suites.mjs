/** Every unit and contract suite of libs/, apps/ and tools/: one Jest run, out/test/unit.json. */
export const UNIT = 'unit';

/** Suites over real processes that are quick enough for `npm test`: targets of the Nx project e2e. */
export const FAST_SUITES = [];

/** Suites over real processes that `.ci/full` and `npm run e2e` run besides. */
export const SLOW_SUITES = ['restart', 'gateway-alone', 'hostile-gateway', 'bad-input', 'secrets', 'key-kinds'];

export const E2E_SUITES = [...FAST_SUITES, ...SLOW_SUITES];
