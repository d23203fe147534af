/** Which steps the Server reports, from whom to whom, each linked to the one before. */
import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { failingStore } from '@cpns/store/testing';
import { emitStep, withStepChain } from '@cpns/telemetry';
import { MemoryTelemetry, type SeenStep } from '@cpns/telemetry/testing';
import { GW, KMC, pne, PUSH, SERVER, SMF, World } from '../testing/world';

const [A, B] = [pne('a'), pne('b')];

describe('steps of the Server', () => {
  const telemetry = new MemoryTelemetry();
  const world = perTest(new World({ entities: [A, B], gateways: [GW] }));
  beforeEach(() => telemetry.reset());
  afterAll(() => telemetry.stop());

  const shown = (steps: readonly SeenStep[]) => steps.map(({ flow, step, from, to }) => [flow, step, from, to]);
  const expectChain = (steps: readonly SeenStep[]) => {
    for (const [index, step] of steps.slice(1).entries()) expect(step.links).toContain(steps[index]!.spanId);
  };
  const create = async (description = {}) => {
    const server = await world.process();
    return withStepChain('', () => server.create([A], description));
  };
  const update = async () => {
    const server = await world.process();
    return withStepChain('', () => server.update(2n, [B], []));
  };
  const remove = async () => {
    const server = await world.process();
    return withStepChain('', () => server.delete());
  };

  const made = (flow: string) => [
    [flow, 1, SMF, SERVER],
    [flow, 2, SERVER, SERVER],
    [flow, 4, KMC, SERVER],
    [flow, 5, SERVER, SERVER],
  ];

  test.each([
    ['FLOW-PUSH', () => create(PUSH)],
    ['FLOW-PULL', () => create()],
    ['GK-UPDATE-M', () => update()],
    ['GK-DELETE', () => remove()],
  ])('%s: 1, 2, 4 and 5', async (flow, call) => {
    if (flow.startsWith('GK')) await create();
    telemetry.reset();
    await call();
    const steps = await telemetry.steps();
    expect(shown(steps)).toEqual(made(flow));
    expectChain(steps);
  });

  test('a repetition is received, and nothing is made', async () => {
    await create();
    telemetry.reset();
    await create();
    expect(shown(await telemetry.steps())).toEqual([['FLOW-PULL', 1, SMF, SERVER]]);
  });

  test('what is refused is no step', async () => {
    expect(await outcomeOf(update())).toBe('NOT_FOUND/NOT_FOUND');
    expect(await telemetry.steps()).toEqual([]);
  });

  test('a pushed entry continues from the step that made its key', async () => {
    await create(PUSH);
    const steps = await telemetry.steps();
    const server = await world.process();
    await server.push();
    const { entries } = await world.store.readLog({ kind: 'gateway', id: GW }, 'delivery', 0n, 1);

    const traceparent = entries[0]!.value.toString('utf8');
    expect(traceparent).toContain(steps.at(-1)!.spanId);
    expect(traceparent).toContain(steps.at(-1)!.traceId);
  });

  test('a change that another call finishes stays in its own trace', async () => {
    await create();
    telemetry.reset();
    const begun = await withStepChain('', async () => {
      const step = emitStep({ flow: 'GK-UPDATE-M', step: 1, from: 'x', to: 'y', carried: [] });
      const dying = await world.process(failingStore(world.store, { at: 1, when: 'after' }));
      expect(await outcomeOf(dying.update(2n, [B], []))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      return step;
    });
    telemetry.reset();
    const server = await world.process();
    await withStepChain('', () => server.update(3n, [], [A]));
    const steps = await telemetry.steps();
    expect(shown(steps)).toEqual([...made('GK-UPDATE-M').slice(1), ...made('GK-UPDATE-M')]);
    const [finished, own] = [steps.slice(0, 3), steps.slice(3)];
    expect(begun).toContain(finished[0]!.links[0]!);
    expect(new Set(finished.map(({ traceId }) => traceId))).toEqual(new Set([begun.split('-')[1]]));
    expect(own[0]?.links).toEqual([]);
    expectChain(finished);
    expectChain(own);
  });

  test('pulls: for all it is step 9 of FLOW-PULL, for one step 3 of GK-PULL', async () => {
    await create();
    telemetry.reset();
    const server = await world.process();
    await Promise.all(['', A].map((entity) => server.pull(entity)));
    expect(await outcomeOf(server.pull(B))).toBe('PERMISSION_DENIED/NOT_A_MEMBER');
    const steps = shown(await telemetry.steps());
    expect(steps).toHaveLength(2);
    expect(steps).toEqual(
      expect.arrayContaining([
        ['FLOW-PULL', 9, GW, SERVER],
        ['GK-PULL', 3, GW, SERVER],
      ]),
    );
  });
});
