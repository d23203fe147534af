import type { CollectedSpan } from '@cpns/testing';
import type { DueRun } from './due-run';
import { book, gateway, newBook, reportedBy, run } from './testing/books';
import { forGroup, PIDS, pushSpan, span, stepSpan, throughGateway, traceId } from './testing/spans';

describe('FlowBook, of a Service Group', () => {
  const scene = 'family: created';
  const other = 'cpns://pn2.demo.example/pn-gw/gw2';
  const group: DueRun = {
    flow: 'FLOW-PULL',
    steps: [1, 2, 3, 4, 5, 6],
    kind: 'Service Group',
    entity: 'family',
    id: 'family',
    gateway: '',
    scene,
  };
  const at = (
    uri: string,
    steps: readonly number[] = [7, 8, 9, 10, 11],
    flow: DueRun['flow'] = 'FLOW-PULL',
  ): DueRun => ({
    ...group,
    flow,
    steps,
    kind: 'PN GW',
    entity: uri,
    id: uri,
    gateway: uri,
  });
  const [first, second] = [at(gateway), at(other)];
  const due = [group, first, second];
  const told = (spans: readonly CollectedSpan[], runs = due, name = scene) => {
    const made = newBook(runs);
    made.begin(name);
    const released = spans.map((one) => made.enter(one).map(({ step }) => step));
    // both gateways of this test report from one process
    made.close((identity, one) => reportedBy(identity === other ? gateway : identity, one));
    return { made, released, faults: made.faults };
  };
  const spansOf = (runs = due) => {
    const [once, ...gateways] = runs;
    return forGroup(once ?? group, gateways);
  };

  it('takes the same step once per gateway, and the others once', () => {
    const { once, gateways } = spansOf();
    const { made, faults } = told([...once, ...gateways.flat()]);
    expect(faults).toEqual([]);
    expect(made.complete).toBe(true);
    expect(made.outcomes().map(({ seen }) => seen.length)).toEqual([6, 5, 5]);
  });

  it.each([
    ['for one gateway', 7, (spans: ReturnType<typeof forGroup>) => spans.gateways[0]?.[0]],
    ['for the group', 3, (spans: ReturnType<typeof forGroup>) => spans.once[2]],
  ])('finds fault with a step that comes twice %s', (_, step, which) => {
    const spans = spansOf();
    const twice = which(spans) ?? span();
    const { faults } = told([...spans.once, ...spans.gateways.flat(), twice]);
    expect(faults).toEqual([`FLOW-PULL step ${step} was reported twice in one trace`]);
  });

  it('shows what a gateway does after what comes before it, however they come in', () => {
    const { once, gateways } = spansOf();
    const [a = [], b = []] = gateways;
    const { released } = told([...a, ...once.slice(1), ...once.slice(0, 1), ...b]);
    expect(released[a.length + once.length - 1]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(released.slice(-b.length)).toEqual([[7], [8], [9], [10], [11]]);
  });

  it('misses what a gateway does not report', () => {
    const { once, gateways } = spansOf();
    const { made } = told([...once, ...(gateways[0] ?? [])]);
    expect(made.complete).toBe(false);
    expect(made.sceneIsComplete(scene)).toBe(false);
    expect(made.sceneIsComplete('family: deleted')).toBe(true);
    expect(made.outcomes().map(({ seen }) => seen.length)).toEqual([6, 5, 0]);
  });

  it.each([
    [
      'nothing puts a gateway’s first step after the group’s last',
      7,
      { links: [] },
      /step 7 after step 6 of FLOW-PULL/,
    ],
    ['it is reported by another service', 9, { pid: PIDS.kmc }, /reported by process 500, which is not one of/],
  ])('finds fault when %s', (_, step, change, message) => {
    const { once, gateways } = spansOf([group, first]);
    const changed = gateways.flat().map((one) => (one.attributes['cpns.step'] === step ? { ...one, ...change } : one));
    expect(told([...once, ...changed], [group, first]).faults.join()).toMatch(message);
  });

  it('puts a push to a member after the push to its gateway', () => {
    const pushed = at(gateway, [7, 8], 'GK-UPDATE-M');
    const update: DueRun = { ...group, flow: 'GK-UPDATE-M' };
    const member: DueRun = { ...run, flow: 'GK-PUSH', steps: [1], scene };
    const runs = [update, pushed, member];
    const { once, gateways } = forGroup(update, [pushed]);
    const [notice = span(), push = span()] = gateways.flat();
    const early = pushSpan(member, push);
    const { released, faults } = told([early, ...once, notice, push], runs);
    expect(released.at(0)).toEqual([]);
    expect(released.at(-1)).toEqual([8, 1]);
    expect(faults).toEqual([]);
    expect(told([...once, notice, push, { ...early, links: [] }], runs).faults).toEqual([
      expect.stringContaining('puts step 1 after step 8 of FLOW-PULL or step 8 of FLOW-PUSH or step 8 of GK-UPDATE-M'),
    ]);
  });

  it('tells runs of one entity apart by the scene in which their trace began', () => {
    const [one, two] = ['first key', 'second key'].map((name): DueRun => ({
      ...run,
      flow: 'GK-PULL',
      steps: [1],
      scene: name,
    }));
    if (one === undefined || two === undefined) throw new Error('two runs');
    const made = newBook([one, two]);
    const spanIn = (trace: string) => stepSpan(one, 1, { traceId: trace, pid: PIDS.entity });
    made.begin('first key');
    made.enter(spanIn(traceId(1)));
    expect([made.sceneIsComplete('first key'), made.complete]).toEqual([true, false]);
    made.begin('second key');
    made.enter(spanIn(traceId(2)));
    made.begin('third');
    made.enter(spanIn(traceId(3)));
    made.close(reportedBy);
    expect(made.outcomes().map(({ traceId: id }) => id)).toEqual([traceId(1), traceId(2)]);
    expect(made.faults).toEqual(['GK-PULL, beginning with step 1, is a run that is not due']);
  });

  it('counts as many refusals as are due, and no attempt twice', () => {
    const refused = (): DueRun => ({ ...run, flow: 'GK-PULL', steps: [1], scene });
    const runs = [refused(), refused()];
    const made = newBook(runs);
    made.begin(scene);
    const ask = (trace: number) => made.enter(stepSpan(runs[0] ?? run, 1, { traceId: traceId(trace) }));
    ask(1);
    expect(made.sceneIsComplete(scene)).toBe(false);
    ask(2);
    expect(made.sceneIsComplete(scene)).toBe(true);
    expect(made.outcomes().map(({ traceId: id }) => id)).toEqual([traceId(1), traceId(2)]);
  });

  it('passes over what others do in a deployment that serves them too, and nothing of its own devices', () => {
    const stranger: DueRun = { ...run, entity: 'cpns://pn1.demo.example/pne/stranger' };
    const theirs = [...throughGateway(stranger).steps, ...forGroup({ ...group, flow: 'GK-DELETE' }, []).once];
    const made = newBook([run, group], false);
    for (const one of theirs) expect(made.enter(one)).toEqual([]);
    expect(made.held()).toEqual([]);
    made.close(reportedBy);
    expect(made.faults).toEqual([]);
    made.enter(stepSpan({ ...run, flow: 'GK-PULL' }, 1, { traceId: traceId(9) }));
    made.close(reportedBy);
    expect(made.faults).toEqual(['GK-PULL, beginning with step 1, is a run that is not due']);
    expect(made.held()).toHaveLength(1);
  });

  it('finds fault with a step that the run is not due to have', () => {
    const refused: DueRun = { ...run, flow: 'GK-PULL', steps: [1] };
    const [asked, accepted] = [1, 2].map((step) => stepSpan(refused, step));
    expect(book([refused], [asked ?? span(), accepted ?? span()]).faults).toEqual([
      'GK-PULL step 2 of phone is not due',
    ]);
  });
});
