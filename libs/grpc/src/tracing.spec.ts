import { KmcServiceService, type KeyVersion } from '@cpns/contracts';
import { askedFlow, emitStep, withinStep, withSpan, withStepChain } from '@cpns/telemetry';
import { MemoryTelemetry } from '@cpns/telemetry/testing';
import { implement, type ClientMethods } from '.';
import { KMC, KmcFixture, SERVER } from './testing/kmc-fixture';

const kmc = new KmcFixture();
const telemetry = MemoryTelemetry.forEachTest();
let rpc: ClientMethods<typeof KmcServiceService>;
let work: () => void = () => undefined;

const answer = (): Promise<{ version: KeyVersion | undefined }> => {
  work();
  return Promise.resolve({ version: undefined });
};

beforeAll(async () => {
  const handlers = {
    ...kmc.handlers,
    createKey: answer,
    createKeyVersion: () => Promise.reject(new Error('bug')),
    getKeyVersion: answer,
  };
  const port = await kmc.port({ services: [implement(KmcServiceService, handlers)] });
  rpc = kmc.connect(port, SERVER).client(KmcServiceService);
});

const step = (number: 1 | 2 | 3 | 4 | 5) => () =>
  void emitStep({ flow: 'EUK-SRV-S', step: number, from: SERVER, to: KMC, carried: ['nonce'] });

test('a call is a span under the caller’s, and its steps are under that', async () => {
  work = step(2);
  await withSpan('outer', {}, async () => rpc.createKey({ groupId: 'g', requestId: Buffer.alloc(16) }));
  const spans = await telemetry.spans();
  const [own, call, outer] = ['EUK-SRV-S step 2', '/cpns.v1.KmcService/CreateKey', 'outer'].map((name) =>
    spans.find((span) => span.name === name),
  );
  expect(own?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId);
  expect(call?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
  expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
});

test('steps of both sides are linked into one chain, there and back', async () => {
  const numbers: (1 | 2 | 3 | 4 | 5)[] = [2, 3];
  work = () => numbers.forEach((number) => step(number)());
  await withStepChain('', async () => {
    step(1)();
    await rpc.getKeyVersion({ groupId: 'g', version: 1n });
    step(4)();
    numbers.splice(0, 2, 5);
    await rpc.getKeyVersion({ groupId: 'g', version: 1n });
  });
  const steps = await telemetry.steps();
  expect(steps.map((seen) => seen.step)).toEqual([1, 2, 3, 4, 5]);
  for (const [index, seen] of steps.entries())
    expect(seen.links).toEqual(index === 0 ? [] : [steps[index - 1]!.spanId]);
});

test('a call tells in the course of which flow it is made, and one outside of any tells nothing', async () => {
  const asked: unknown[] = [];
  work = () => void asked.push(askedFlow());
  const call = () => rpc.getKeyVersion({ groupId: 'g', version: 1n });
  await withinStep({ flow: 'FLOW-PUSH', step: 3 }, call);
  await withinStep({ flow: 'GK-UPDATE-M', step: 3 }, call);
  await call();
  expect(asked).toEqual(['FLOW-PUSH', 'GK-UPDATE-M', undefined]);
});

test('a flow that is none is not believed', async () => {
  const asked: unknown[] = [];
  work = () => void asked.push(askedFlow());
  for (const flow of ['FLOW-NONE', 'toString', ''])
    await rpc.getKeyVersion({ groupId: 'g', version: 1n }, { metadata: { 'cpns-flow': flow } });
  expect(asked).toEqual([undefined, undefined, undefined]);
});

test('a failed call is marked with its reason and not with its message', async () => {
  await rpc.createKeyVersion({ groupId: 'g', previous: 1n, requestId: Buffer.alloc(16) }).catch(() => undefined);
  const [span] = await telemetry.spans();
  expect(span?.status.message).toBe('INTERNAL');
  expect(span?.attributes['cpns.reason']).toBe('INTERNAL');
});

test('a log line of a call carries its trace', async () => {
  kmc.log.lines.length = 0;
  await rpc.destroyKey({ groupId: 'g' });
  const [span] = await telemetry.spans();
  const line = kmc.log.entries().find((entry) => entry.message === 'call answered');
  expect(line).toMatchObject({
    caller: SERVER,
    method: '/cpns.v1.KmcService/DestroyKey',
    traceId: span?.spanContext().traceId,
  });
});
