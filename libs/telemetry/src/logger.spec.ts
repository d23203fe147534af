import { GroupKey } from '@cpns/core';
import { withSpan } from '.';
import { MemoryLog, MemoryTelemetry } from './testing';

test('a line is JSON with level, time, service, pid, message and fields', () => {
  const log = new MemoryLog('kmc');
  log.logger.info('ready', { address: '127.0.0.1:1' });
  expect(log.entries()).toEqual([
    {
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      service: 'kmc',
      pid: process.pid,
      message: 'ready',
      address: '127.0.0.1:1',
    },
  ]);
});

test('levels below the set one are not written, and can be asked for', () => {
  const log = new MemoryLog('kmc', 'warn');
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) log.logger[level](level);
  expect(log.entries().map((entry) => entry.level)).toEqual(['warn', 'error', 'fatal']);
  expect([log.logger.enabled('info'), log.logger.enabled('warn')]).toEqual([false, true]);
});

test('fields are redacted, in children as well; the message is scrubbed', () => {
  const log = new MemoryLog();
  const key = Buffer.alloc(32, 0xab);
  log.logger
    .child({ peer: 'gw1', session: key })
    .debug('made cpns1.AAAA', { seed: 'abc', key: new GroupKey(key), raw: key });
  expect(log.entries()[0]).toMatchObject({
    message: 'made cpns1.[redacted]',
    peer: 'gw1',
    session: '<32 bytes>',
    seed: '[redacted]',
    key: '[redacted]',
    raw: '<32 bytes>',
  });
  expect(log.text()).not.toContain('abab');
});

test('a message with a percent sign is left as it is', () => {
  const log = new MemoryLog();
  log.logger.info('100 %s sure', { a: 1 });
  expect(log.entries()[0]?.message).toBe('100 %s sure');
});

test('an error shows with its causes', () => {
  const log = new MemoryLog();
  log.logger.error('failed', { error: new Error('outer', { cause: new Error('inner') }) });
  expect(log.entries()[0]).toMatchObject({ error: { message: 'outer', cause: { message: 'inner' } } });
});

test('within a span the line carries its ids', async () => {
  const telemetry = new MemoryTelemetry();
  const log = new MemoryLog();
  await withSpan('work', {}, () => Promise.resolve(log.logger.info('inside')));
  const [span] = await telemetry.spans();
  const { traceId, spanId } = span!.spanContext();
  expect(log.entries()[0]).toMatchObject({ traceId, spanId });
  await telemetry.stop();
});
