// Loaded into a process by `request-files.mjs`: at SIGUSR2 writes which functions ran since the last one.
const { Session } = require('node:inspector');
const { renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

/** The compiler makes a getter of each export, which runs where a constant of the file is used. */
const isOfFile = (name) => name !== '' && !name.startsWith('get ');

/** The scripts of which a function ran since the last call, without those that were only loaded. */
function filesSince() {
  let files = [];
  session.post('Profiler.takePreciseCoverage', (error, { result } = {}) => {
    if (error) throw error;
    files = result
      .filter(({ functions }) =>
        functions.some(({ functionName, ranges: [{ count }] }) => isOfFile(functionName) && count > 0),
      )
      .map(({ url }) => url);
  });
  return files;
}

let taken = 0;
process.on('SIGUSR2', () => {
  const file = join(process.env.FILES_OUT, `${process.pid}.json`);
  writeFileSync(`${file}.new`, JSON.stringify({ taken: ++taken, files: filesSince() }));
  renameSync(`${file}.new`, file);
});

module.exports = { filesSince };
