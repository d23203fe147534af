import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';
import { pureDecisions } from './tools/lint/pure-decisions.mjs';

// What the rules of the protocol may never know of: frameworks, transports, databases (architecture.md, "The house").
const frameworks = [
  '@nestjs/*',
  '@grpc/*',
  'ioredis',
  'lmdb',
  'fs-native-extensions',
  'pino',
  '@opentelemetry/*',
  'commander',
  'zod',
];

const boundaries = {
  enforceBuildableLibDependency: false,
  allow: [],
  depConstraints: [
    // arrows go down only: apps -> platform -> rules; no app imports an app
    { sourceTag: 'type:domain', onlyDependOnLibsWithTags: ['type:domain'], bannedExternalImports: frameworks },
    { sourceTag: 'type:platform', onlyDependOnLibsWithTags: ['type:platform', 'type:domain'] },
    { sourceTag: 'type:app', onlyDependOnLibsWithTags: ['type:platform', 'type:domain'] },
    { sourceTag: 'type:tool', onlyDependOnLibsWithTags: ['type:tool', 'type:platform', 'type:domain'] },
    { sourceTag: 'type:e2e', onlyDependOnLibsWithTags: ['type:tool', 'type:platform', 'type:domain'] },
    // what a device carries is never part of a server, and the other way round; services alone are built on NestJS
    { sourceTag: 'scope:shared', onlyDependOnLibsWithTags: ['scope:shared'] },
    { sourceTag: 'scope:service', onlyDependOnLibsWithTags: ['scope:shared', 'scope:service'] },
    { sourceTag: 'scope:server', onlyDependOnLibsWithTags: ['scope:shared', 'scope:service', 'scope:server'] },
    {
      sourceTag: 'scope:gateway',
      onlyDependOnLibsWithTags: ['scope:shared', 'scope:service', 'scope:gateway', 'scope:device'],
    },
    { sourceTag: 'scope:device', onlyDependOnLibsWithTags: ['scope:shared', 'scope:device'] },
    { sourceTag: 'scope:operator', onlyDependOnLibsWithTags: ['scope:shared', 'scope:operator', 'scope:device'] },
    {
      sourceTag: 'scope:tooling',
      onlyDependOnLibsWithTags: ['scope:shared', 'scope:device', 'scope:operator', 'scope:tooling'],
    },
  ],
};

export default tseslint.config(
  { ignores: ['**/dist/**', '**/bundle/**', '**/out/**', '**/generated/**', '**/*.cjs', '**/*.mjs'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    plugins: { '@nx': nx, cpns: { rules: { 'pure-decisions': pureDecisions } } },
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@nx/enforce-module-boundaries': ['error', boundaries],
      'cpns/pure-decisions': 'error',
      'no-console': 'error',
      'no-duplicate-imports': 'error',
      'max-lines': ['warn', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['warn', { max: 50, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['libs/platform/**', 'apps/{cpns-server,smf,kmc,pn-gw}/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: ['@nestjs/*', 'rxjs', 'rxjs/*', 'reflect-metadata'] }] },
  },
  {
    files: ['**/*.spec.ts', '**/testing/**/*.ts', 'e2e/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off', 'max-lines-per-function': 'off' },
  },
  {
    // what tests of a service share with the suites over processes
    files: ['apps/*/src/**/*.spec.ts', 'apps/*/src/testing/**/*.ts'],
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        { ...boundaries, allow: ['@cpns/testing', '@cpns/testing/bad-input'] },
      ],
    },
  },
  {
    // suites read records through the definitions of the services that own them
    files: ['e2e/**/*.ts'],
    rules: {
      '@nx/enforce-module-boundaries': ['error', { ...boundaries, allow: ['/apps/[a-z-]+/src/[a-z-]+/[a-z-/.]+$'] }],
    },
  },
  prettier,
);
