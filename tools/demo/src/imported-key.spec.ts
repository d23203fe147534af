import { IMPORT_CALLS, importOutcome } from './imported-key';
import { span, traceId } from './testing/spans';

const by = (wanted: number) => (one: { readonly pid: number }) => one.pid === wanted;
const scene = { byGateway: by(2), byServer: by(3), secretsAtServer: 2 };
const call = (name: string, pid: number, trace: number, reason?: string) =>
  span({
    name,
    pid,
    traceId: traceId(trace),
    ...(reason === undefined ? {} : { attributes: { 'cpns.reason': reason } }),
  });
const { import: imported, proved, verified } = IMPORT_CALLS;
const good = [call(imported, 3, 1), call(proved, 2, 2), call(verified, 3, 2), call(proved, 2, 3), call(verified, 3, 3)];

describe('importOutcome', () => {
  it('sees the import, and a proof verified by the Server for each secret that it holds', () => {
    expect(importOutcome('sensor', good, scene)).toEqual({
      id: 'sensor',
      due: [imported, proved, verified],
      seen: [imported, proved, verified],
    });
  });

  it.each([
    ['no import', good.slice(1), [proved, verified]],
    ['an import that another process answered', [call(imported, 9, 1), ...good.slice(1)], [proved, verified]],
    ['an import that failed', [call(imported, 3, 1, 'TRUST_DOMAIN'), ...good.slice(1)], [proved, verified]],
    ['one proof too few', good.slice(0, 3), [imported]],
    ['a proof that failed', [...good.slice(0, 4), call(verified, 3, 3, 'PROOF_MAC')], [imported]],
    [
      'a proof for a call that no gateway answered',
      [...good.slice(0, 3), call(proved, 8, 3), call(verified, 3, 3)],
      [imported],
    ],
  ])('with %s, not all of it', (_, spans, seen) => {
    expect(importOutcome('sensor', spans, scene).seen).toEqual(seen);
  });
});
