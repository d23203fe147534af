/**
 * Loaded first into every process that the testbed starts. Standard input is a pipe whose other end only the starter
 * holds: when the starter goes, however it went, the kernel closes the pipe and this process ends with it.
 */
import { Socket } from 'node:net';

const starter = new Socket({ fd: 0, readable: true, writable: false });
const end = () => process.kill(process.pid, 'SIGKILL');
starter.on('end', end);
starter.on('error', end);
starter.resume();
// the service decides how long it lives, not this pipe
starter.unref();
