import { withStepChain } from '@cpns/telemetry';
import { reasonOf } from '../../testing/world';
import { decodeTask, encodeTask } from './relay-task';

const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
const entry = (value: Buffer) => ({ sequence: 1n, dedupeId: 'push.7', value });

test.each(['push', 'end'] as const)('%s: what is stored is what is carried', (kind) => {
  const value = withStepChain(TRACE, () => encodeTask({ kind, id: 'push.7', version: 2n ** 64n - 1n }));
  expect(decodeTask(entry(value))).toEqual({ kind, id: 'push.7', version: 2n ** 64n - 1n, traceparent: TRACE });
});

test.each([
  ['no JSON', '{'],
  ['nothing', 'null'],
  ['another kind', '{"kind":"x","version":"1"}'],
  ['no version', '{"kind":"push"}'],
  ['a version that is no number', '{"kind":"push","version":"-1"}'],
])('%s is none of ours', async (_what, text) => {
  expect(await reasonOf(Promise.resolve().then(() => decodeTask(entry(Buffer.from(text)))))).toBe(
    'INTERNAL/STORED_RECORD_INVALID',
  );
});
