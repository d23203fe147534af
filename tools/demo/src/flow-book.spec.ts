import type { CollectedSpan } from '@cpns/testing';
import { SERVICES } from './plan';
import type { DueRun } from './due-run';
import { book, entity, newBook, OWN_PID, provisioning, reportedBy, run } from './testing/books';
import { PIDS, span, stepSpan, throughGateway, traceId } from './testing/spans';

describe('FlowBook', () => {
  it('puts the steps of a flow in order, however they come in', () => {
    const { steps, calls } = throughGateway(run);
    const { made, released, faults } = book([run], [...steps, ...calls]);
    expect(released).toEqual([[], [], [1, 2, 3], [4], [5], [], []]);
    expect(faults).toEqual([]);
    expect(made.complete).toBe(true);
    expect(made.outcomes()).toEqual([{ run, seen: [1, 2, 3, 4, 5], traceId: traceId(1) }]);
  });

  it('keeps runs apart that happen at the same time', () => {
    const other: DueRun = { ...run, entity: 'cpns://pn1.demo.example/pne/other', id: 'other' };
    const [a, b] = [throughGateway(run, traceId(1)), throughGateway(other, traceId(2))];
    const mixed = a.steps.flatMap((step, index) => [step, b.steps[index] ?? span()]);
    const made = newBook([run, other]);
    for (const one of [...mixed, ...a.calls, ...b.calls]) made.enter(one);
    made.close((identity, one) => reportedBy(identity === other.entity ? entity : identity, one));
    expect(made.faults).toEqual([]);
    expect(made.complete).toBe(true);
  });

  it.each([1, 2, 3, 4, 5])('misses step %d when nobody reports it', (missing) => {
    const { steps, calls } = throughGateway(run);
    const left = steps.filter(({ attributes }) => attributes['cpns.step'] !== missing);
    const { made } = book([run], [...left, ...calls]);
    expect(made.complete).toBe(false);
    expect(made.outcomes()[0]?.seen).toEqual([1, 2, 3, 4, 5].filter((step) => step !== missing));
    const held = made.held().map(({ step }) => step);
    expect(held.sort()).toEqual([1, 2, 3, 4, 5].filter((step) => step > missing));
  });

  it('counts the attempt that came furthest', () => {
    const half = throughGateway(run, traceId(2));
    const { steps, calls } = throughGateway(run);
    const { made, faults } = book([run], [...half.steps.slice(0, 3), ...half.calls, ...steps, ...calls]);
    expect(faults).toEqual([]);
    expect(made.outcomes()).toEqual([{ run, seen: [1, 2, 3, 4, 5], traceId: traceId(1) }]);
  });

  it('counts the provisioning of a gateway apart from the assignments in the same trace', () => {
    const assigned: DueRun = { ...run, flow: 'EUK-GW-S', steps: [4, 5, 6] };
    const made = newBook([provisioning, assigned]);
    for (const step of [1, 2, 3]) made.enter(stepSpan(provisioning, step));
    for (const step of [4, 5, 6]) made.enter(stepSpan(assigned, step));
    expect(made.outcomes().map(({ run: { id }, seen }) => [id, ...seen])).toEqual([
      ['gw', 1, 2, 3],
      ['phone', 4, 5, 6],
    ]);
  });

  it('does not take steps in two traces for one run', () => {
    const spans = [1, 2].map((step) => stepSpan(provisioning, step));
    const { made } = book([provisioning], [...spans, stepSpan(provisioning, 3, { traceId: traceId(2) })]);
    expect(made.outcomes()[0]?.seen).toEqual([1, 2]);
  });

  const nobody = 'cpns://pn1.demo.example/pne/nobody';
  it.each<[string, number, Partial<CollectedSpan>, RegExp]>([
    ['the demo reports itself', 3, { pid: OWN_PID }, /reported by the demo itself/],
    ['another process reports', 3, { pid: PIDS.gateway }, /reported by process 200/],
    ['a name is none', 5, { attributes: { 'cpns.from': 'the gateway' } }, /is no name/],
    ['a name is nobody’s here', 1, { attributes: { 'cpns.from': nobody } }, /names nobody of this deployment/],
    ['parties are swapped', 2, { attributes: { 'cpns.from': SERVICES.server } }, /and not from/],
    ['nothing puts it after the one before', 4, { links: [] }, /neither a parent nor a link/],
    ['the call is not inside the other', 2, { parentSpanId: '' }, /step 2 after step 1/],
    ['there is no such step', 5, { attributes: { 'cpns.step': 9 } }, /a step that no flow has/],
  ])('finds fault when %s', (_, at, change, message) => {
    const { steps, calls } = throughGateway(run);
    const changed = steps.map((step) => {
      const attributes = { ...step.attributes, ...change.attributes };
      return step.attributes['cpns.step'] === at ? { ...step, ...change, attributes } : step;
    });
    expect(book([run], [...changed, ...calls]).faults.join('\n')).toMatch(message);
  });

  it('finds fault with a step that is reported twice in one trace', () => {
    const { steps, calls } = throughGateway(run);
    expect(book([run], [...steps, steps[0], ...calls]).faults).toEqual([
      'EUK-SRV-S step 2 was reported twice in one trace',
    ]);
  });

  it('finds fault with a run that nobody asked for', () => {
    const stranger: DueRun = { ...run, flow: 'EUK-SRV-P' };
    const { steps, calls } = throughGateway(stranger);
    expect(book([run], [...steps, ...calls]).faults).toEqual([
      'EUK-SRV-P, beginning with step 1, is a run that is not due',
    ]);
  });
});
