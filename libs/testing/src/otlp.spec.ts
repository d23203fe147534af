import fc from 'fast-check';
import { OtlpError, parseExport, type AttributeValue, type CollectedSpan } from './otlp';
import { encodeExport } from './testing/encode-export';

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const reference = fc.record({ traceId: hex(32), spanId: hex(16) });
const scalar: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
);
const span: fc.Arbitrary<Omit<CollectedSpan, 'service' | 'pid'>> = fc
  .record({
    own: reference,
    parentSpanId: fc.oneof(fc.constant(''), hex(16)),
    name: fc.string(),
    links: fc.array(reference, { maxLength: 3 }),
    attributes: fc.dictionary(fc.string(), fc.oneof(scalar, fc.array(scalar)), { noNullPrototype: true }),
    startedAt: fc.integer({ min: 0, max: 2 ** 42 }),
    endedAt: fc.integer({ min: 0, max: 2 ** 42 }),
  })
  .map(({ own, ...rest }) => ({ ...own, ...rest }));

describe('parseExport', () => {
  it('reads what an exporter writes', () => {
    fc.assert(
      fc.property(
        fc.array(span, { maxLength: 4 }),
        fc.string(),
        fc.integer({ min: 1, max: 2 ** 22 }),
        (spans, service, pid) => {
          expect(parseExport(encodeExport(spans, service, pid))).toEqual(
            spans.map((one) => ({ ...one, service, pid })),
          );
        },
      ),
    );
  });

  it('never fails otherwise than with an OtlpError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        try {
          parseExport(body);
        } catch (error) {
          expect(error).toBeInstanceOf(OtlpError);
        }
      }),
    );
  });

  const good = {
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
    name: 'n',
    startTimeUnixNano: '1000000',
    endTimeUnixNano: '2000000',
  };
  const resource = {
    attributes: [
      { key: 'service.name', value: { stringValue: 's' } },
      { key: 'process.pid', value: { intValue: '7' } },
    ],
  };
  const bodyOf = (one: unknown, of: unknown = resource) =>
    JSON.stringify({ resourceSpans: [{ resource: of, scopeSpans: [{ spans: [one] }] }] });

  it('reads numbers that are written as text', () => {
    expect(parseExport(bodyOf(good))).toMatchObject([
      { pid: 7, startedAt: 1, endedAt: 2, links: [], parentSpanId: '' },
    ]);
  });

  it.each([
    ['no JSON', '{', /not JSON/],
    ['no object', '[]', /expected object/],
    ['a trace id of another length', bodyOf({ ...good, traceId: 'ab' }), /traceId/],
    ['a span id in upper case', bodyOf({ ...good, spanId: 'B'.repeat(16) }), /spanId/],
    ['no name', bodyOf({ ...good, name: undefined }), /name/],
    ['no time', bodyOf({ ...good, endTimeUnixNano: 'now' }), /endTimeUnixNano/],
    ['links that are no list', bodyOf({ ...good, links: {} }), /links/],
    ['an attribute without a value', bodyOf({ ...good, attributes: [{ key: 'k', value: {} }] }), /no value/],
    ['a resource without pid', bodyOf(good, { attributes: resource.attributes.slice(0, 1) }), /process.pid/],
  ])('refuses %s', (_, body, message) => {
    expect(() => parseExport(body)).toThrow(message);
  });
});
