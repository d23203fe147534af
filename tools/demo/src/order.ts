import type { CollectedSpan } from '@cpns/testing';

/** All spans by their id: the graph that parents and links make of them. */
export type SpanGraph = ReadonlyMap<string, CollectedSpan>;

export const graphOf = (spans: readonly CollectedSpan[]): SpanGraph =>
  new Map(spans.map((span) => [span.spanId, span]));

/** Whether links lead from `later` back to `earlier`, over any number of spans. */
function linksBackTo(graph: SpanGraph, later: CollectedSpan, earlier: CollectedSpan): boolean {
  const seen = new Set<string>();
  const open = [later];
  for (let span = open.pop(); span !== undefined; span = open.pop()) {
    for (const { spanId } of span.links) {
      if (spanId === earlier.spanId) return true;
      if (seen.has(spanId)) continue;
      seen.add(spanId);
      const next = graph.get(spanId);
      if (next !== undefined) open.push(next);
    }
  }
  return false;
}

/** Whether `later` happened in a call that was made inside the one in which `earlier` did. */
function isInsideCallOf(graph: SpanGraph, later: CollectedSpan, earlier: CollectedSpan): boolean {
  if (earlier.parentSpanId === '') return false;
  let at = graph.get(later.parentSpanId)?.parentSpanId;
  // a trace is a tree, but what processes send is not to be trusted to end
  for (let depth = 0; at !== undefined && at !== '' && depth <= graph.size; depth++) {
    if (at === earlier.parentSpanId) return true;
    at = graph.get(at)?.parentSpanId;
  }
  return false;
}

/**
 * Whether one step came after another, by what their spans say of each other and never by clocks. A reply carries the
 * last step of its maker, to which the next one links; a request is answered inside the call that it began.
 */
export const follows = (graph: SpanGraph, later: CollectedSpan, earlier: CollectedSpan): boolean =>
  later.traceId === earlier.traceId && (linksBackTo(graph, later, earlier) || isInsideCallOf(graph, later, earlier));
