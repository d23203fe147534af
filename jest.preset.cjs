// One Jest configuration for every project: `module.exports = require('<root>/jest.preset.cjs')(__dirname)`.
const { join, basename } = require('node:path');

module.exports = (rootDir) => ({
  rootDir,
  displayName: basename(rootDir),
  testEnvironment: 'node',
  testMatch: ['<rootDir>/src/**/*.spec.ts'],
  // suites that start several database servers each: `.ci/full` runs them, with ALL_SUITES=true
  testPathIgnorePatterns: process.env.ALL_SUITES === 'true' ? [] : ['\\.slow\\.spec\\.ts$'],
  transform: { '\\.ts$': ['@swc/jest', { configFile: join(__dirname, '.swcrc'), swcrc: false }] },
  collectCoverageFrom: ['<rootDir>/src/**/*.ts', '!**/*.spec.ts', '!**/testing/**', '!**/generated/**'],
  // tests run on the sources, so that a stale build can never make one pass
  moduleNameMapper: {
    '^@cpns/testing/bad-input$': join(__dirname, 'libs/testing/src/bad-input/index.ts'),
    '^@cpns/([a-z0-9-]+)$': join(__dirname, 'libs/$1/src/index.ts'),
    '^@cpns/([a-z0-9-]+)/testing$': join(__dirname, 'libs/$1/src/testing/index.ts'),
  },
});
