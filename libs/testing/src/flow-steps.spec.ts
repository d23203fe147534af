import { stepOfSpan } from './flow-steps';
import type { CollectedSpan } from './otlp';

const good = {
  'cpns.flow': 'EUK-SRV-S',
  'cpns.step': 3,
  'cpns.from': 'cpns://td/service/cpns-server',
  'cpns.to': 'cpns://td/service/cpns-server',
  'cpns.carried': ['entity_user_key'],
};
const spanOf = (attributes: CollectedSpan['attributes']): CollectedSpan => ({
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentSpanId: '',
  name: 'n',
  links: [],
  attributes,
  startedAt: 1,
  endedAt: 2,
  service: 'cpns-server',
  pid: 7,
});

describe('stepOfSpan', () => {
  it('reads a step', () => {
    expect(stepOfSpan(spanOf(good))).toMatchObject({
      flow: 'EUK-SRV-S',
      step: 3,
      from: good['cpns.from'],
      to: good['cpns.to'],
      carried: ['entity_user_key'],
      span: { pid: 7 },
    });
  });

  it('passes over spans of another kind', () => {
    expect(stepOfSpan(spanOf({ 'rpc.method': 'AdmitEntity' }))).toBeUndefined();
  });

  it.each([
    ['a flow that is none', { ...good, 'cpns.flow': 'EUK-X' }],
    ['a flow by the name of an object’s member', { ...good, 'cpns.flow': 'toString' }],
    ['a step that the flow has not', { ...good, 'cpns.step': 6 }],
    ['a step in text', { ...good, 'cpns.step': '3' }],
    ['a step without a flow', { 'cpns.step': 3 }],
    ['nobody it came from', { ...good, 'cpns.from': 0 }],
    ['no list of what was carried', { ...good, 'cpns.carried': 'entity_user_key' }],
  ])('refuses %s', (_, attributes) => {
    expect(() => stepOfSpan(spanOf(attributes))).toThrow(RangeError);
  });
});
