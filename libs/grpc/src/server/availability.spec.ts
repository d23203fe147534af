import net from 'node:net';
import type { CpnsError } from '@cpns/core';
import type { CallContext } from '..';
import { keyVersion, KmcFixture, reasonOf, SERVER } from '../testing/kmc-fixture';

const kmc = new KmcFixture();
const request = { groupId: 'g', version: 1n };
const DOWN = 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE';
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
afterEach(() => kmc.reset());

describe('a dependency that does not answer is UNAVAILABLE', () => {
  test('nothing listens', async () => {
    const port = await kmc.port();
    await port.stop(0);
    const started = Date.now();
    expect(await reasonOf(kmc.caller(port, SERVER)(request, { deadlineMs: 20_000 }))).toBe(DOWN);
    expect(Date.now() - started).toBeLessThan(5_000);
  });

  test('it accepts and says nothing', async () => {
    const sockets: net.Socket[] = [];
    const silent = net.createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as net.AddressInfo;
    const call = kmc.caller({ address: `127.0.0.1:${port}` }, SERVER)(request, { deadlineMs: 300 });
    expect(await reasonOf(call)).toBe(DOWN);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  /** A handler that never answers, and what it learned of the end of its call. */
  function neverAnswers(entered: () => void = () => undefined): unknown[] {
    const aborted: unknown[] = [];
    kmc.answer = (_request, call) =>
      new Promise((_resolve, reject) => {
        call.signal.addEventListener('abort', () => {
          aborted.push((call.signal.reason as CpnsError).reason);
          reject(call.signal.reason as CpnsError);
        });
        entered();
      });
    return aborted;
  }

  test('it takes longer than the deadline; the handler learns of it', async () => {
    const aborted = neverAnswers();
    expect(await reasonOf(kmc.caller(await kmc.port(), SERVER)(request, { deadlineMs: 200 }))).toBe(DOWN);
    await pause(200);
    expect(aborted).toHaveLength(1);
    expect(['DEADLINE', 'CALL_CANCELLED']).toContain(aborted[0]);
  });

  test('the caller cancels: CALL_CANCELLED on both sides', async () => {
    const abort = new AbortController();
    const aborted = neverAnswers(() => abort.abort());
    const call = kmc.caller(await kmc.port(), SERVER)(request, { signal: abort.signal });
    expect(await reasonOf(call)).toBe('CANCELLED/CALL_CANCELLED');
    await pause(100);
    expect(aborted).toEqual(['CALL_CANCELLED']);
  });

  test('a caller that was cancelled before makes no call', async () => {
    const call = kmc.caller(await kmc.port(), SERVER)(request, { signal: AbortSignal.abort() });
    expect(await reasonOf(call)).toBe('CANCELLED/CALL_CANCELLED');
    await pause(100);
    expect(kmc.served).toBe(0);
  });

  test('a call made within another one ends before its deadline', async () => {
    neverAnswers();
    const within = { deadline: Date.now() + 1_000, signal: new AbortController().signal } as CallContext;
    const started = Date.now();
    expect(await reasonOf(kmc.caller(await kmc.port(), SERVER)(request, { within }))).toBe(DOWN);
    expect(Date.now() - started).toBeLessThan(4_000);
  });

  test('the server comes back on the same port and is found within 5 s', async () => {
    const first = await kmc.port();
    const call = kmc.caller(first, SERVER);
    expect(await reasonOf(call(request))).toBe('accepted');
    await first.stop(0);
    expect(await reasonOf(call(request, { deadlineMs: 500 }))).toBe(DOWN);
    await pause(1_500);
    await kmc.port({ listen: first.address });
    const back = Date.now();
    let outcome: unknown;
    do outcome = await reasonOf(call(request, { deadlineMs: 500 }));
    while (outcome !== 'accepted' && Date.now() - back < 5_000);
    expect(outcome).toBe('accepted');
  }, 15_000);
});

describe('graceful stop', () => {
  test('a call under way finishes, a new one is refused', async () => {
    let release: () => void = () => undefined;
    const entered = new Promise<void>((resolve) => {
      kmc.answer = async (asked) => {
        const released = new Promise<void>((resolveRelease) => (release = resolveRelease));
        resolve();
        await released;
        return keyVersion(asked.groupId);
      };
    });
    const port = await kmc.port();
    const call = kmc.caller(port, SERVER);
    const underWay = call({ groupId: 'slow', version: 1n });
    await entered;
    const stopped = port.stop(5_000);
    expect(await reasonOf(call({ groupId: 'new', version: 1n }, { deadlineMs: 500 }))).toMatch(/^UNAVAILABLE/);
    release();
    expect((await underWay).version?.groupId).toBe('slow');
    await stopped;
    expect(kmc.served).toBe(1);
  });

  test('a call that outlasts the grace is cut off', async () => {
    const entered = new Promise<void>((resolve) => {
      kmc.answer = () => {
        resolve();
        return new Promise(() => undefined);
      };
    });
    const port = await kmc.port();
    const outcome = reasonOf(kmc.caller(port, SERVER)(request));
    await entered;
    const started = Date.now();
    await port.stop(200);
    expect(Date.now() - started).toBeLessThan(4_000);
    expect(await outcome).toBe(DOWN);
  });
});
