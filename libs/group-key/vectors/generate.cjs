// Writes the vectors that do not exist yet: node libs/group-key/vectors/generate.cjs
//
// A file that is there is frozen and never written again: a change that alters one breaks every deployed device and
// gateway, and has to bring a new label in place of "cpns/v1". Run it after adding a formula to
// src/testing/vector-formulas.ts, and commit what it wrote.
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');
const swc = require('@swc/core');

const root = join(__dirname, '../../..');
const options = { ...JSON.parse(readFileSync(join(root, '.swcrc'), 'utf8')), swcrc: false };

// the sources as they are, as the tests see them, so that no stale build can write a vector
Module._extensions['.ts'] = (module, filename) =>
  module._compile(swc.transformSync(readFileSync(filename, 'utf8'), { ...options, filename }).code, filename);
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) => {
  const [, lib] = /^@cpns\/([a-z-]+)$/.exec(request) ?? [];
  return lib === undefined ? resolve(request, ...rest) : join(root, 'libs', lib, 'src/index.ts');
};

const { formulas, Input, signatureFile } = require('../src/testing/vector-formulas.ts');

const write = (name, content) => {
  const file = join(__dirname, `${name}.json`);
  if (existsSync(file)) return console.log(`${name}: frozen`);
  writeFileSync(file, `${JSON.stringify(content(), null, 2)}\n`);
  return console.log(`${name}: written`);
};

for (const { name, formula, cases, compute } of formulas)
  write(name, () => ({
    formula,
    cases: cases.map(({ name: title, input }) => ({ name: title, input, output: compute(new Input(input)) })),
  }));
write('group-key-signature', signatureFile);
