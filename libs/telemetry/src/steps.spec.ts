import {
  askedFlow,
  continueStepChain,
  currentStep,
  emitStep,
  FLOW_IDS,
  FLOWS,
  flowStep,
  isFlowId,
  lastStep,
  linkTo,
  withinCall,
  withinMessageStep,
  withinStep,
  withSpan,
  withStepChain,
  type CarriedField,
} from '.';
import { MemoryTelemetry } from './testing';

const A = 'cpns://pn1.td/pne/watch';
const B = 'cpns://pn1.td/pn-gw/gw1';

describe('the flows', () => {
  test.each([
    ['EUK-SRV-S', 5, [3]],
    ['EUK-SRV-P', 5, [3]],
    ['EUK-GW-S', 6, [2, 5]],
    ['EUK-GW-P', 6, [2, 5]],
    ['EUK-GW-VERIFY', 5, [3]],
    ['EUK-REVOKE', 4, [2]],
    ['FLOW-PULL', 11, [2, 5, 8, 11]],
    ['FLOW-PUSH', 8, [2, 5]],
    ['GK-PULL', 5, [1]],
    ['GK-PUSH', 1, []],
    ['GK-UPDATE-M', 8, [2, 5]],
    ['GK-UPDATE-T', 8, [1, 2, 5]],
    ['GK-DELETE', 8, [2, 5]],
    ['SMF-GW', 6, []],
  ] as const)('%s has %i steps, internal are %j', (flow, count, internal) => {
    const steps = FLOWS[flow];
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    expect(steps.filter(({ kind }) => kind === 'internal').map(({ step }) => step)).toEqual(internal);
  });

  test('are found by name and number', () => {
    expect(FLOW_IDS).toEqual(Object.keys(FLOWS));
    expect(FLOW_IDS).toContain('FLOW-PULL');
    expect(isFlowId('EUK-GW-S')).toBe(true);
    expect(isFlowId('toString')).toBe(false);
    expect(flowStep('EUK-SRV-S', 3)?.clause).toBe('B.1.1');
    expect(flowStep('EUK-SRV-S', 6)).toBeUndefined();
  });
});

describe('the current step', () => {
  test('holds across awaits, innermost wins, and ends', async () => {
    expect(currentStep()).toBeUndefined();
    const seen = await withinStep({ flow: 'EUK-GW-S', step: 2 }, async () => {
      await Promise.resolve();
      const inner = await withinStep({ flow: 'EUK-GW-S', step: 5 }, async () => Promise.resolve(currentStep()));
      return [inner, currentStep()];
    });
    expect(seen).toEqual([
      { flow: 'EUK-GW-S', step: 5 },
      { flow: 'EUK-GW-S', step: 2 },
    ]);
    expect(currentStep()).toBeUndefined();
  });

  test('goes on beside the chain and the flow of a call, and they beside it', () => {
    const seen = () => [currentStep()?.step, lastStep(), askedFlow()];
    withinStep({ flow: 'EUK-GW-S', step: 2 }, () =>
      withinCall('before', 'FLOW-PUSH', () => {
        expect(seen()).toEqual([2, 'before', 'FLOW-PUSH']);
        withinStep({ flow: 'EUK-GW-S', step: 5 }, () => {
          continueStepChain('after');
          expect(seen()).toEqual([5, 'after', 'FLOW-PUSH']);
        });
        expect(seen()).toEqual([2, 'after', 'FLOW-PUSH']);
        withinCall('', 'no flow', () => expect(seen()).toEqual([2, '', 'FLOW-PUSH']));
      }),
    );
    expect(seen()).toEqual([undefined, '', undefined]);
  });

  test('is each task’s own', async () => {
    const task = (step: 1 | 2) =>
      withinStep({ flow: 'EUK-SRV-P', step }, async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        return currentStep()?.step;
      });
    expect(await Promise.all([task(1), task(2)])).toEqual([1, 2]);
  });
});

describe('a reported step', () => {
  let telemetry: MemoryTelemetry;
  beforeEach(() => (telemetry = new MemoryTelemetry('pn-gw')));
  afterEach(() => telemetry.stop());

  test('is a span with the five attributes, of this service and process', async () => {
    const startedAt = Date.now() - 40;
    emitStep({ flow: 'EUK-GW-S', step: 4, from: A, to: B, carried: ['token_id', 'nonce'], startedAt });
    const [span] = await telemetry.spans();
    expect(span?.attributes).toEqual({
      'cpns.flow': 'EUK-GW-S',
      'cpns.step': 4,
      'cpns.from': A,
      'cpns.to': B,
      'cpns.carried': ['token_id', 'nonce'],
    });
    expect(span?.resource.attributes).toMatchObject({ 'service.name': 'pn-gw', 'process.pid': process.pid });
    const [seconds, nanos] = span!.duration;
    expect(seconds * 1_000 + nanos / 1e6).toBeGreaterThanOrEqual(39);
  });

  test('is under the running span unless a parent is named, and links what it is told', async () => {
    const other = linkTo(`00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`)!;
    await withSpan('call', {}, () =>
      Promise.resolve(emitStep({ flow: 'EUK-SRV-S', step: 1, from: A, to: B, carried: [], links: [other] })),
    );
    const [step, call] = await telemetry.spans();
    expect(step?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId);
    expect(step?.links.map((link) => link.context.spanId)).toEqual(['2'.repeat(16)]);
  });

  test('links to the one before in its chain, wherever that was emitted', async () => {
    const remote = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const step = (number: 1 | 2 | 4) => emitStep({ flow: 'EUK-SRV-S', step: number, from: A, to: B, carried: [] });
    withStepChain('', () => {
      expect(lastStep()).toBe('');
      expect(step(1)).toBe(lastStep());
      step(2);
      continueStepChain(remote);
      step(4);
    });
    const [first, second, fourth] = await telemetry.steps();
    expect(first?.links).toEqual([]);
    expect(second?.links).toEqual([first?.spanId]);
    expect(fourth?.links).toEqual(['b'.repeat(16)]);
    expect(lastStep()).toBe('');
  });

  test('of a message comes before the steps of its answer, once, and not at all for a refusal', async () => {
    const message = { flow: 'EUK-SRV-S', step: 2, from: A, to: B, carried: [] } as const;
    const next = () => emitStep({ ...message, step: 4 });
    await withinMessageStep(message, () => Promise.resolve(next()));
    let left: Promise<unknown> = Promise.resolve();
    const refused = withinMessageStep(message, () => {
      left = new Promise((resolve) => setTimeout(resolve, 5)).then(next);
      return Promise.reject(new Error('refused'));
    });
    await expect(refused).rejects.toThrow('refused');
    await left;
    expect((await telemetry.steps()).map(({ step }) => step)).toEqual([2, 4, 4]);
  });

  test('of a message is no step of a chain that its answer begins', async () => {
    const message = { flow: 'EUK-SRV-S', step: 2, from: A, to: B, carried: [] } as const;
    await withStepChain('', () =>
      withinMessageStep(message, () => Promise.resolve(withStepChain('', () => emitStep({ ...message, step: 4 })))),
    );
    expect((await telemetry.steps()).map(({ step, links }) => [step, links])).toEqual([
      [4, []],
      [2, []],
    ]);
  });

  test.each([
    ['a step that the flow does not have', { flow: 'EUK-SRV-S' as const, step: 6 as 5, carried: [] }],
    [
      'a field that is not in the list',
      { flow: 'EUK-SRV-S' as const, step: 5 as const, carried: ['0badc0de' as CarriedField] },
    ],
  ])('%s is a programming error', (_what, wrong) => {
    expect(() => emitStep({ from: A, to: B, ...wrong })).toThrow(RangeError);
  });
});

test('without telemetry a step is nobody’s, and the chain stays empty', () => {
  withStepChain('', () => {
    expect(emitStep({ flow: 'EUK-SRV-S', step: 1, from: A, to: B, carried: [] })).toBe('');
    expect(lastStep()).toBe('');
  });
});
