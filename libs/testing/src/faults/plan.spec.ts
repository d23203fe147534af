import fc from 'fast-check';
import { FLOW_IDS } from '@cpns/telemetry';
import { FAULT_POINTS, parseCommits, parseKill, parsePlan, type Commit, type FaultPlan } from './plan';

const commit = fc.record({
  service: fc.string(),
  flow: fc.constantFrom('' as const, ...FLOW_IDS),
  step: fc.nat(9),
  kind: fc.string(),
});
const plan = fc
  .tuple(
    commit,
    fc.stringMatching(/^[a-z0-9-]{1,64}$/),
    fc.integer({ min: 1, max: 9 }),
    fc.constantFrom(...FAULT_POINTS),
  )
  .map(([site, id, occurrence, point]): FaultPlan => ({ ...site, id, occurrence, point }));

const PLAN: FaultPlan = {
  id: 'fault-1',
  service: 'cpns-server',
  flow: 'EUK-SRV-S',
  step: 3,
  kind: 'entity',
  occurrence: 1,
  point: 'before-commit',
};

describe('a plan', () => {
  it('is read as it was written', () =>
    fc.assert(fc.property(plan, (each) => expect(parsePlan(JSON.stringify(each))).toEqual(each))));

  it('and so is a kill', () =>
    fc.assert(
      fc.property(plan, fc.nat(), (each, pid) =>
        expect(parseKill(JSON.stringify({ ...each, pid }))).toEqual({ ...each, pid }),
      ),
    ));

  it.each([
    ['no JSON', 'x'],
    ['null', 'null'],
    ['a number', '1'],
    ['a flow that is none', JSON.stringify({ ...PLAN, flow: 'EUK' })],
    ['an unknown point', JSON.stringify({ ...PLAN, point: 'later' })],
    ['occurrence 0', JSON.stringify({ ...PLAN, occurrence: 0 })],
    ['half an occurrence', JSON.stringify({ ...PLAN, occurrence: 1.5 })],
    ['an id that is a path', JSON.stringify({ ...PLAN, id: '../x' })],
    ['no service', JSON.stringify({ ...PLAN, service: undefined })],
    ['no kind', JSON.stringify({ ...PLAN, kind: undefined })],
    ['a step in text', JSON.stringify({ ...PLAN, step: '3' })],
  ])('%s is refused', (_what, text) => expect(() => parsePlan(text)).toThrow());

  it('a kill without a pid is refused', () => expect(() => parseKill(JSON.stringify(PLAN))).toThrow('pid'));
});

describe('a recording', () => {
  const A: Commit = { service: 'pn-gw', flow: 'EUK-GW-S', step: 3, kind: 'first-seed' };
  const B: Commit = { service: 'pn-gw', flow: '', step: 0, kind: 'device' };

  it('numbers the commits that look alike', () =>
    expect(parseCommits([A, B, A, A].map((each) => `${JSON.stringify(each)}\n`).join(''))).toEqual([
      { ...A, occurrence: 1 },
      { ...B, occurrence: 1 },
      { ...A, occurrence: 2 },
      { ...A, occurrence: 3 },
    ]));

  it('keeps every line, whatever it holds', () =>
    fc.assert(
      fc.property(fc.array(commit), (all) => {
        const text = all.map((each) => `${JSON.stringify(each)}\n`).join('');
        expect(parseCommits(text).map(({ service, flow, step, kind }) => ({ service, flow, step, kind }))).toEqual(all);
      }),
    ));

  it('of something else is refused', () => expect(() => parseCommits('{"service":"x"}\n')).toThrow());
});
