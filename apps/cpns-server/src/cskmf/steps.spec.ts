/** Which steps the Server reports, from whom to whom, each linked to the one before. */
import { parseEntityUri } from '@cpns/core';
import { failingStore, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { emitStep, withStepChain } from '@cpns/telemetry';
import { MemoryTelemetry, type SeenStep } from '@cpns/telemetry/testing';
import { GatewayLog } from '../gateway-delivery/gateway-delivery';
import { gateway, KMC, pne, reasonOf, SERVER, SMF, World } from '../testing/world';

const [A, B] = [pne('a'), pne('b')];
const GW = gateway();

describe('steps of the Server', () => {
  const telemetry = new MemoryTelemetry();
  let temporary: TemporaryStore;
  let world: World;
  beforeEach(async () => {
    temporary = await temporaryStore();
    world = await World.make(temporary.store);
    await world.register(A, B);
    await world.enrol(GW);
    telemetry.reset();
  });
  afterEach(() => temporary.dispose());
  afterAll(() => telemetry.stop());

  const shown = (steps: readonly SeenStep[]) => steps.map(({ flow, step, from, to }) => [flow, step, from, to]);
  const expectChain = (steps: readonly SeenStep[]) => {
    for (const [index, step] of steps.slice(1).entries()) expect(step.links).toContain(steps[index]!.spanId);
  };
  const create = async (description = world.push('g')) => {
    const server = await world.process();
    const request = { description, members: [A], membershipRevision: 1n };
    return withStepChain('', () => server.keys.create(request, SMF));
  };
  const update = async () => {
    const server = await world.process();
    const request = { groupId: 'g', membershipRevision: 2n, joined: [B], left: [] };
    return withStepChain('', () => server.keys.update(request, SMF));
  };
  const remove = async () => {
    const server = await world.process();
    return withStepChain('', () => server.keys.delete({ groupId: 'g' }, SMF));
  };

  const made = (flow: string) => [
    [flow, 1, SMF, SERVER],
    [flow, 2, SERVER, SERVER],
    [flow, 4, KMC, SERVER],
    [flow, 5, SERVER, SERVER],
  ];

  test.each([
    ['FLOW-PUSH', () => create()],
    ['FLOW-PULL', () => create(world.description('g'))],
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
    expect(shown(await telemetry.steps())).toEqual([['FLOW-PUSH', 1, SMF, SERVER]]);
  });

  test('what is refused is no step', async () => {
    expect(await reasonOf(update())).toBe('NOT_FOUND/NOT_FOUND');
    expect(await telemetry.steps()).toEqual([]);
  });

  test('a pushed entry continues from the step that made its key', async () => {
    await create();
    const steps = await telemetry.steps();
    const server = await world.process();
    await server.push('g');
    const { entries } = await temporary.store.readLog({ kind: 'gateway', id: GW }, 'delivery', 0n, 1);

    const { traceparent } = await server.module.get(GatewayLog).open(GW, entries[0]!);
    expect(traceparent).toContain(steps.at(-1)!.spanId);
    expect(traceparent).toContain(steps.at(-1)!.traceId);
  });

  test('a change that another call finishes stays in its own trace', async () => {
    await create();
    telemetry.reset();
    const begun = await withStepChain('', async () => {
      const step = emitStep({ flow: 'GK-UPDATE-M', step: 1, from: 'x', to: 'y', carried: [] });
      const dying = await world.process(failingStore(temporary.store, { at: 1, when: 'after' }));
      const request = { groupId: 'g', membershipRevision: 2n, joined: [B], left: [] };
      expect(await reasonOf(dying.keys.update(request, SMF))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      return step;
    });
    telemetry.reset();
    const other = { groupId: 'g', membershipRevision: 3n, joined: [], left: [A] };
    const server = await world.process();
    await withStepChain('', () => server.keys.update(other, SMF));
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
    const { pull } = await world.process();
    const pulls = ['', A].map((entity) => pull.execute({ groupId: 'g', version: 0n, entity }, parseEntityUri(GW)));
    await Promise.all(pulls);
    await reasonOf(pull.execute({ groupId: 'g', version: 0n, entity: B }, parseEntityUri(GW)));
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
