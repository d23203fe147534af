// `npm run mutation -- <library>`: how many deliberate faults in a library its own suite notices. Report: out/mutation/.
import { availableParallelism } from 'node:os';
import { Stryker } from '@stryker-mutator/core';

/** What is mutated, by the project whose suite is to notice it. */
const TARGETS = {
  'key-derivation': ['libs/key-derivation/src/**/*.ts'],
  'entity-user-key': ['libs/entity-user-key/src/**/*.ts'],
  'group-key': ['libs/group-key/src/**/*.ts'],
  // all files of these two would take hours: what decides about a call, and about a pull of a Group Key, with its own specs
  grpc: ['libs/grpc/src/server/{admit-call,port-rules}.ts'],
  'cpns-server': ['apps/cpns-server/src/cskmf/pull-group-key.ts'],
};

/** Specs that are run for it; all of the project without an entry. */
const SPECS = { grpc: 'src/server/**', 'cpns-server': 'src/cskmf/**/*pull*' };

const [name] = process.argv.slice(2);
const mutate = TARGETS[name];
if (mutate === undefined) throw new Error(`one of ${Object.keys(TARGETS).join(', ')} is needed`);
const directory = mutate[0].split('/').slice(0, 2).join('/');

await new Stryker({
  mutate: [...mutate, '!**/*.spec.ts', '!**/testing/**'],
  testRunner: 'jest',
  jest: {
    configFile: `${directory}/jest.config.cjs`,
    ...(SPECS[name] && { config: { testMatch: [`<rootDir>/${SPECS[name]}.spec.ts`] } }),
  },
  coverageAnalysis: 'perTest',
  // what runs while modules load would need a new process for each mutant
  ignoreStatic: true,
  concurrency: Math.max(1, availableParallelism() >> 1),
  ignorePatterns: ['**/dist', '**/bundle', '/out', '/coverage', '/.nx', '/e2e'],
  tempDirName: 'out/mutation/tmp',
  reporters: ['clear-text', 'json'],
  clearTextReporter: { allowColor: false, reportTests: false },
  jsonReporter: { fileName: `out/mutation/${name}.json` },
  allowConsoleColors: false,
}).runMutationTest();
