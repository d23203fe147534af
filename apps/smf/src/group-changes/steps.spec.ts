import { perTest, reasonOfAsync } from '@cpns/core/testing';
import { emitStep, formatTraceparent, parseTraceparent, withSpan, withStepChain } from '@cpns/telemetry';
import { MemoryTelemetry } from '@cpns/telemetry/testing';
import { trace } from '@opentelemetry/api';
import { gatewayOf, pne, PUSH, type Replica, within, World } from '../testing/world';

jest.setTimeout(30_000);

const SERVER = 'cpns://td.example/service/cpns-server';
const SMF = 'cpns://td.example/service/smf';
const GATEWAY = gatewayOf('pn1');

describe('the steps of a change', () => {
  const telemetry = new MemoryTelemetry('smf');
  const world = perTest(new World());
  let smf: Replica;
  beforeEach(async () => {
    telemetry.reset();
    ({ smf } = world);
    await smf.introduce(GATEWAY);
  });
  afterAll(() => telemetry.stop());

  /** A call in a trace of its own. @returns its trace id */
  const called = async (work: () => Promise<unknown>): Promise<string> => {
    let traceId = '';
    await withSpan('call', {}, async () => {
      traceId = trace.getActiveSpan()?.spanContext().traceId ?? '';
      await withStepChain('', work);
    });
    return traceId;
  };
  const notices = async () => {
    const { entries } = await world.noticeLog(GATEWAY).read(0n, 100);
    return entries.map(({ value }) => parseTraceparent(value.toString('utf8')));
  };

  it.each<[string, () => Promise<unknown>, string]>([
    ['a group that pulls', () => smf.create([pne(1)]), 'FLOW-PULL'],
    ['a group that pushes', () => smf.create([pne(1)], { delivery: PUSH }), 'FLOW-PUSH'],
  ])('%s: step 6 in the trace of the call, and its notice goes on from there', async (_what, work, flow) => {
    const traceId = await called(work);
    await world.rest();
    const steps = await telemetry.steps();
    expect(steps).toMatchObject([{ flow, step: 6, from: SERVER, to: SMF, traceId }]);
    expect(await notices()).toMatchObject([{ traceId, spanId: steps[0]?.spanId }]);
  });

  it('a change and the end have their own flows, each notice its own trace', async () => {
    const traces = [
      await called(() => smf.create([pne(1)], { openToJoin: true })),
      await called(() => smf.join(pne(2))),
      await called(() => smf.end()),
    ];
    await world.rest();
    const seen = await telemetry.steps();
    // who asks by itself has its proof verified first
    expect(seen.filter(({ step }) => step !== 6)).toMatchObject([{ flow: 'SMF-GW', step: 4, traceId: traces[1] }]);
    const steps = seen.filter(({ step }) => step === 6);
    expect(steps.map(({ flow, step, traceId }) => [flow, step, traceId])).toEqual([
      ['FLOW-PULL', 6, traces[0]],
      ['GK-UPDATE-M', 6, traces[1]],
      ['GK-DELETE', 6, traces[2]],
    ]);
    expect((await notices()).map((notice) => notice?.spanId)).toEqual(steps.map(({ spanId }) => spanId));
  });

  it('link to the step before, also when another process carries the change on', async () => {
    await smf.create([pne(1)]);
    await world.rest();
    telemetry.reset();
    world.server.stuck = true;
    let before = '';
    const traceId = await called(async () => {
      before = emitStep({ flow: 'GK-UPDATE-M', step: 1, from: SMF, to: SERVER, carried: ['group_id'] });
      expect(await reasonOfAsync(smf.add([pne(2)], within(600)))).toBe('DEPENDENCY_UNAVAILABLE');
    });
    await smf.stop();
    world.server.stuck = false;
    await called(async () => (await world.replica()).drain());
    const [first, last] = await telemetry.steps();
    expect(parseTraceparent(before)?.spanId).toBe(first?.spanId);
    expect(last).toMatchObject({ flow: 'GK-UPDATE-M', step: 6, traceId, links: [first?.spanId] });
    expect((await notices())[1]).toMatchObject({ traceId, spanId: last?.spanId });
  });

  it('a change that is refused has no step 6', async () => {
    world.server.withoutKey.add(pne(1));
    expect(await reasonOfAsync(smf.create([pne(1)]))).toBe('MEMBER_WITHOUT_KEY');
    await world.rest();
    expect(await telemetry.steps()).toEqual([]);
  });

  it('a call outside of any trace is carried all the same', async () => {
    await smf.create([pne(1)]);
    await world.rest();
    const [step] = await telemetry.steps();
    expect(step).toMatchObject({ flow: 'FLOW-PULL', step: 6, links: [] });
    expect(await notices()).toMatchObject([{ spanId: step?.spanId }]);
    expect(formatTraceparent((await notices())[0]!)).toMatch(/^00-/);
  });
});
