/**
 * `node --require <this file>`: the process dies at the commit that the plan in FAULTS_DIRECTORY names, or writes down
 * which commits it makes. Without FAULTS_DIRECTORY nothing happens.
 */
import { EmbeddedStore, RedisStore } from '@cpns/store';
import { FaultInjector } from './injector';
import { FAULT_VARIABLES } from './plan';

/** SIGKILL cannot be caught; should the signal take a moment, the thread waits for it and does nothing else. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (;;) Atomics.wait(never, 0, 0);
}

const { [FAULT_VARIABLES.directory]: directory, [FAULT_VARIABLES.service]: service } = process.env;
if (directory !== undefined) {
  if (service === undefined) throw new Error(`${FAULT_VARIABLES.service} has to say what this process is`);
  const injector = new FaultInjector({ directory, service, pid: process.pid, die });
  for (const { prototype } of [EmbeddedStore, RedisStore]) injector.wrap(prototype);
}
