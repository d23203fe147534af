// The unit and contract suites of the whole workspace in one run (`npm test`); the suites over real processes are in e2e/.
const { readdirSync, existsSync } = require('node:fs');
const { join } = require('node:path');

const projects = ['libs', 'apps', 'tools'].flatMap((group) =>
  readdirSync(join(__dirname, group))
    .map((name) => join(__dirname, group, name))
    .filter((dir) => existsSync(join(dir, 'jest.config.cjs'))),
);

module.exports = { projects };
