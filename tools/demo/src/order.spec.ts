import { follows, graphOf } from './order';
import { span, traceId } from './testing/spans';

const linkTo = ({ traceId: trace, spanId }: ReturnType<typeof span>) => ({ traceId: trace, spanId });

describe('follows', () => {
  it('goes by a link, and by links over others', () => {
    const first = span();
    const second = span({ links: [linkTo(first)] });
    const third = span({ links: [linkTo(second)] });
    const graph = graphOf([third, first, second]);
    expect(follows(graph, second, first)).toBe(true);
    expect(follows(graph, third, first)).toBe(true);
    expect(follows(graph, first, third)).toBe(false);
  });

  it('goes by a call that was made inside the other', () => {
    const outer = span();
    const middle = span({ parentSpanId: outer.spanId });
    const inner = span({ parentSpanId: middle.spanId });
    const first = span({ parentSpanId: outer.spanId });
    const second = span({ parentSpanId: inner.spanId });
    const graph = graphOf([outer, middle, inner, first, second]);
    expect(follows(graph, second, first)).toBe(true);
    expect(follows(graph, first, second)).toBe(false);
  });

  it('does not go by clocks, by a common parent, nor by what is missing', () => {
    const parent = span();
    const first = span({ parentSpanId: parent.spanId, startedAt: 1, endedAt: 2 });
    const second = span({ parentSpanId: parent.spanId, startedAt: 3, endedAt: 4 });
    const lost = span();
    const afterLost = span({ links: [linkTo(lost)] });
    const graph = graphOf([parent, first, second, afterLost]);
    expect(follows(graph, second, first)).toBe(false);
    expect(follows(graph, afterLost, first)).toBe(false);
    expect(follows(graph, span(), span())).toBe(false);
  });

  it('does not go from one trace to another', () => {
    const first = span();
    const second = span({ traceId: traceId(2), links: [linkTo(first)] });
    expect(follows(graphOf([first, second]), second, first)).toBe(false);
  });

  it('ends where spans lead in a circle', () => {
    const [a, b] = [span(), span()];
    const [x, y] = [
      { ...a, parentSpanId: b.spanId, links: [linkTo(b)] },
      { ...b, parentSpanId: a.spanId, links: [linkTo(a)] },
    ];
    const earlier = span({ parentSpanId: span().spanId });
    expect(follows(graphOf([x, y, earlier]), x, earlier)).toBe(false);
  });
});
