// What an import may not do, beyond the tags of eslint.config.mjs: go round in a circle, anywhere in the tree, or reach from
// one function of an app into another that its module does not import.
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const APPS = join(__dirname, 'apps');
const CODE = '\\.ts$';
const TESTS = '\\.spec\\.ts$|/testing/';

/** The functions of an app: its folders that hold a module of their name. */
function functionsOf(app) {
  const source = join(APPS, app, 'src');
  return readdirSync(source)
    .map((name) => ({ name, module: join(source, name, `${name}.module.ts`) }))
    .filter(({ module }) => existsSync(module));
}

/** The functions whose modules a module imports. */
const importsOf = (module) =>
  [...readFileSync(module, 'utf8').matchAll(/from '\.\.\/([a-z-]+)\/\1\.module'/g)].map(([, name]) => name);

const between = readdirSync(APPS).flatMap((app) => {
  const functions = functionsOf(app);
  return functions.map(({ name, module }) => {
    const closed = functions
      .map((other) => other.name)
      .filter((other) => other !== name && !importsOf(module).includes(other));
    return {
      name: `${app}-${name}`,
      comment: `a function uses what another exports, and its module says so by importing the other's module`,
      severity: 'error',
      from: { path: `^apps/${app}/src/${name}/`, pathNot: TESTS },
      to: { path: `^apps/${app}/src/(${closed.join('|')})/` },
    };
  });
});

module.exports = {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: { path: CODE }, to: { couldNotResolve: true } },
    {
      name: 'common-is-below-functions',
      severity: 'error',
      from: { path: '^apps/([^/]+)/src/common/' },
      to: { path: '^apps/$1/src/', pathNot: '^apps/$1/src/(common/|config\\.ts$)' },
    },
    ...between,
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.base.json' },
    // imports of types count: a circle of them is one in the reader's head
    tsPreCompilationDeps: true,
    doNotFollow: { path: ['node_modules', 'generated'] },
    exclude: { path: ['(^|/)dist/', '(^|/)bundle/'] },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
