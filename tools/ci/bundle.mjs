// `nx bundle APP`: one CommonJS file of an app and what it imports, apps/<app>/bundle/main.js, from what `build` compiled:
// esbuild itself would lose the metadata of decorators. It needs the packages of EXTERNAL in a node_modules above it.
import { build } from 'esbuild';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { ROOT } from './run-command.mjs';

/** Packages with a binary, that read files of their own as soon as they are loaded, or whose `require` esbuild does not see. */
const EXTERNAL = [
  ...['lmdb', 'fs-native-extensions'],
  ...['@grpc/proto-loader', '@grpc/reflection', 'grpc-health-check'],
];

/** Packages that NestJS loads where they are installed, and does without elsewhere. */
const OPTIONAL = [
  '@nestjs/platform-express',
  '@nestjs/websockets',
  'amqp-connection-manager',
  'amqplib',
  'class-transformer',
  'class-validator',
  'kafkajs',
  'mqtt',
  'nats',
];

/** Bundled packages that use `__dirname` only in functions that we do not call (channelz, log workers) or in comments. */
const NEVER_READ = ['@colors/colors', '@grpc/grpc-js', 'commander', 'ioredis', 'pino', 'thread-stream'];

/** Files that our own modules read at run time, found from `__dirname`. */
const READ_AT_RUN_TIME = /\.(binpb|lua)$/;

/** Folder of the bundle that has those files, laid out as in the workspace. */
const FILES = 'files';

const posix = (path) => relative(ROOT, path).replaceAll('\\', '/');
const packageOf = (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1];

/** In the bundle `__dirname` is one for all: each of our modules gets its own again, and others may not ask for it. */
const ownDirectories = {
  name: 'own-directories',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      errors: [{ text: `${posix(path)} was to come from a dist folder` }],
    }));
    onLoad({ filter: /\.[cm]?js$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8');
      if (!/\b__dirname\b/.test(contents)) return undefined;
      const foreign = packageOf(path);
      if (NEVER_READ.includes(foreign)) return undefined;
      if (foreign !== undefined)
        return {
          errors: [{ text: `${posix(path)} uses __dirname: see the lists of packages in tools/ci/bundle.mjs` }],
        };
      const own = JSON.stringify(`${FILES}/${posix(dirname(path))}`);
      return { contents: contents.replace(/\b__dirname\b/g, `require("node:path").join(__dirname, ${own})`) };
    });
  },
};

/** @param inputs paths of all bundled modules, from the root */
function copyFiles(inputs, outdir) {
  const projects = new Set(inputs.flatMap((path) => /^(?:libs|apps)\/[^/]+/.exec(path) ?? []));
  for (const project of projects) {
    const there = [...readdirSync(join(ROOT, project)), ...compiled(project)];
    for (const file of there.filter((name) => READ_AT_RUN_TIME.test(name)))
      cpSync(join(ROOT, project, file), join(outdir, FILES, project, file));
  }
}

const compiled = (project) =>
  readdirSync(join(ROOT, project, 'dist'), { recursive: true }).map((file) => join('dist', file));

async function bundle(directory) {
  const outdir = join(directory, 'bundle');
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [join(directory, 'dist', 'main.js')],
    outdir,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // not the workspace's own, whose paths lead to sources
    tsconfigRaw: {},
    keepNames: true,
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    external: [...EXTERNAL, ...OPTIONAL],
    plugins: [ownDirectories],
    logLevel: 'warning',
    logOverride: { 'indirect-require': 'error' },
  });
  copyFiles(Object.keys(metafile.inputs), outdir);
  const size = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint !== undefined).bytes;
  console.log(`${basename(directory)}: ${(size / 1e6).toFixed(1)} MB`);
}

await bundle(process.cwd());
