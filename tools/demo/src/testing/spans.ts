import type { CollectedSpan } from '@cpns/testing';
import { partiesOf, type Party } from '../parties';
import { SERVICES } from '../plan';
import type { DueRun } from '../due-run';

/** Process ids of the parties, in tests. */
export const PIDS: Readonly<Record<Party, number>> = {
  entity: 100,
  gateway: 200,
  server: 300,
  smf: 400,
  kmc: 500,
  operator: 600,
};

let count = 0;
const spanId = (): string => (++count).toString(16).padStart(16, '0');

/** A trace id of its own for each number. */
export const traceId = (number: number): string => number.toString(16).padStart(32, '0');

export function span(fields: Partial<CollectedSpan> = {}): CollectedSpan {
  return {
    traceId: traceId(1),
    spanId: spanId(),
    parentSpanId: '',
    name: 'n',
    links: [],
    attributes: {},
    startedAt: 1,
    endedAt: 2,
    service: 's',
    pid: 1,
    ...fields,
  };
}

/** The span of one step of a run, as the party that it came to reports it. */
export function stepSpan(run: DueRun, step: number, fields: Partial<CollectedSpan> = {}): CollectedSpan {
  const uri: Readonly<Record<Party, string>> = { ...SERVICES, entity: run.entity, gateway: run.gateway };
  const [from, to] = partiesOf(run.flow, step);
  const { attributes, ...rest } = fields;
  return span({
    pid: PIDS[to],
    attributes: {
      'cpns.flow': run.flow,
      'cpns.step': step,
      'cpns.from': uri[from],
      'cpns.to': uri[to],
      'cpns.carried': ['nonce'],
      ...attributes,
    },
    ...rest,
  });
}

const link = ({ traceId: trace, spanId: id }: CollectedSpan) => ({ traceId: trace, spanId: id });

/**
 * A flow through a gateway as its processes report it: the Server's steps come first, inside the gateway's call, which is
 * inside the entity's; each step links to the one that was emitted before it.
 * @returns steps 2, 3, 1, 4, 5, in the order in which they are emitted, and the spans of the two calls
 */
export function throughGateway(run: DueRun, trace = traceId(1)) {
  const call = span({ traceId: trace, parentSpanId: spanId(), pid: PIDS.gateway });
  const inner = span({ traceId: trace, parentSpanId: call.spanId, pid: PIDS.server });
  const at = (step: number, parent: string, before?: CollectedSpan) =>
    stepSpan(run, step, { traceId: trace, parentSpanId: parent, links: before === undefined ? [] : [link(before)] });
  const second = at(2, inner.spanId);
  const third = at(3, inner.spanId, second);
  const first = at(1, call.spanId, third);
  const fourth = at(4, call.spanId, first);
  const fifth = at(5, call.parentSpanId, fourth);
  return { steps: [second, third, first, fourth, fifth] as const, calls: [inner, call] as const };
}

/**
 * The whole of a group's flow as its processes report it: the part for the group first, each step linked to the one before
 * it, and then those of the gateways, each of which goes on from step 6.
 */
export function forGroup(run: DueRun, perGateway: readonly DueRun[], trace = traceId(1)) {
  const chain = (of: DueRun, before: CollectedSpan | undefined) => {
    const made: CollectedSpan[] = [];
    for (const step of of.steps) {
      const previous = made.at(-1) ?? before;
      made.push(stepSpan(of, step, { traceId: trace, links: previous === undefined ? [] : [link(previous)] }));
    }
    return made;
  };
  const once = chain(run, undefined);
  return { once, gateways: perGateway.map((gateway) => chain(gateway, once.at(-1))) };
}

/** A push inside a PN, after a gateway's last step. */
export const pushSpan = (run: DueRun, before: CollectedSpan, pid = PIDS.entity): CollectedSpan =>
  stepSpan(run, 1, { traceId: before.traceId, links: [link(before)], pid });
