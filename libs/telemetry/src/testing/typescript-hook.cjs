// Lets a child process of a test run the sources as Jest does: `node --require typescript-hook.cjs file.ts`.
// Some libraries load modules in ways that Jest's sandbox does not support, and exit codes need a process of their own.
const Module = require('node:module');
const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '../../../..');
const options = { swcrc: false, configFile: join(root, '.swcrc'), sourceMaps: 'inline' };

// compiled files are kept by what they were made of, since many children load the same ones
const cache = join(root, 'node_modules/.cache/cpns-typescript');
mkdirSync(cache, { recursive: true });

function compiled(filename) {
  const source = readFileSync(filename, 'utf8');
  const config = readFileSync(options.configFile, 'utf8');
  const kept = join(cache, createHash('sha256').update([filename, config, source].join('\0')).digest('hex'));
  if (existsSync(kept)) return readFileSync(kept, 'utf8');
  const { code } = require('@swc/core').transformSync(source, { ...options, filename });
  const draft = `${kept}.${process.pid}`;
  writeFileSync(draft, code);
  renameSync(draft, kept);
  return code;
}

Module._extensions['.ts'] = (module, filename) => module._compile(compiled(filename), filename);

const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  const [, library, testing] = /^@cpns\/([a-z0-9-]+)(\/testing)?$/.exec(request) ?? [];
  const found = library === undefined ? request : join(root, 'libs', library, 'src', testing ?? '', 'index.ts');
  return resolve.call(this, found, ...rest);
};
