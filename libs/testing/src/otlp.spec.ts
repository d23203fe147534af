import { parseExport } from './otlp';

const good = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  name: 'n',
  links: [],
  attributes: [],
  startTimeUnixNano: '1000000',
  endTimeUnixNano: '2500000',
};
const resource = {
  attributes: [
    { key: 'service.name', value: { stringValue: 's' } },
    { key: 'process.pid', value: { intValue: 7 } },
  ],
};
const bodyOf = (one: unknown, of: unknown = resource) =>
  JSON.stringify({ resourceSpans: [{ resource: of, scopeSpans: [{ spans: [one] }] }] });

describe('parseExport', () => {
  it('reads numbers that are written as text', () => {
    expect(parseExport(bodyOf(good))).toMatchObject([
      { pid: 7, startedAt: 1, endedAt: 2.5, links: [], parentSpanId: '' },
    ]);
  });

  it.each([
    ['no JSON', '{', /JSON/],
    ['no object', '[]', /expected object/],
    ['a trace id of another length', bodyOf({ ...good, traceId: 'ab' }), /traceId/],
    ['a span id in upper case', bodyOf({ ...good, spanId: 'B'.repeat(16) }), /spanId/],
    ['no name', bodyOf({ ...good, name: undefined }), /name/],
    ['no time', bodyOf({ ...good, endTimeUnixNano: 'now' }), /endTimeUnixNano/],
    ['links that are no list', bodyOf({ ...good, links: {} }), /links/],
    ['an attribute without a value', bodyOf({ ...good, attributes: [{ key: 'k', value: {} }] }), /value/],
    ['a resource without pid', bodyOf(good, { attributes: resource.attributes.slice(0, 1) }), /process.pid/],
  ])('refuses %s', (_, body, message) => {
    expect(() => parseExport(body)).toThrow(message);
  });
});
