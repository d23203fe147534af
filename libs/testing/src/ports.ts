import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range from which Linux takes the ports of outgoing connections (32768 up): a service that was killed must
 * find its port free when it starts again, and not taken by a client's connection meanwhile.
 */
const LOWEST = 12_000;
const HIGHEST = 32_000;
const ATTEMPTS = 200;

/** Ports that this process gave out already. */
const given = new Set<number>();

/**
 * A port of 127.0.0.1 that nothing listens on, bound and released again. Every call gives another one.
 * @throws Error when none is found
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(LOWEST, HIGHEST);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.close();
    if (isFree) return port;
  }
  throw new Error(`no free port found in ${ATTEMPTS} attempts`);
}
