import { CpnsError } from '@cpns/core';
import fc from 'fast-check';
import { parseCommand, type Command } from './command';

const text = (value: unknown) => JSON.stringify(value);

describe('a command', () => {
  it.each<Command>([
    { command: 'join', group: 'g' },
    { command: 'leave', group: 'g' },
    { command: 'pull', group: 'g' },
    { command: 'status' },
    { command: 'status', group: 'g' },
    { command: 'watch' },
    { command: 'unwatch' },
    { command: 'stop' },
  ])('%j', (given) => expect(parseCommand(text(given))).toEqual(given));

  const AWAIT = { command: 'await', group: 'g', version: 3 };
  it.each<[unknown, object]>([
    [{ command: 'pull', group: 'g', version: 3 }, { version: 3n }],
    [AWAIT, { version: 3n, timeoutMs: 10_000 }],
    [
      { ...AWAIT, timeoutMs: 0 },
      { version: 3n, timeoutMs: 0 },
    ],
    [{ command: 'seal', group: 'g', data: 'aGk=' }, { data: Buffer.from('hi') }],
    [{ command: 'seal', group: 'g', data: '' }, { data: Buffer.alloc(0) }],
    [{ command: 'open', message: 'aGk=' }, { message: Buffer.from('hi') }],
  ])('%j', (given, read) => expect(parseCommand(text(given))).toEqual({ ...(given as object), ...read }));

  it.each<[what: string, given: string, reason: string]>([
    ['no JSON', '{', 'MALFORMED_MESSAGE'],
    ['nothing', '', 'MALFORMED_MESSAGE'],
    ['a list', '[]', 'MALFORMED_MESSAGE'],
    ['null', 'null', 'MALFORMED_MESSAGE'],
    ['no command', '{}', 'FIELD_OUT_OF_RANGE'],
    ['an unknown command', text({ command: 'reboot' }), 'FIELD_OUT_OF_RANGE'],
    ['a name of every object', text({ command: 'toString' }), 'FIELD_OUT_OF_RANGE'],
    ['an unknown field', text({ command: 'watch', group: 'g' }), 'FIELD_OUT_OF_RANGE'],
    ['a group that is missing', text({ command: 'join' }), 'FIELD_MISSING'],
    ['a group that is no text', text({ command: 'join', group: 1 }), 'FIELD_OUT_OF_RANGE'],
    ['a group that is none', text({ command: 'join', group: '.g' }), 'NAME_INVALID'],
    ['version 0', text({ command: 'pull', group: 'g', version: 0 }), 'FIELD_OUT_OF_RANGE'],
    ['half a version', text({ command: 'pull', group: 'g', version: 1.5 }), 'FIELD_OUT_OF_RANGE'],
    ['a version that is text', text({ command: 'pull', group: 'g', version: '1' }), 'FIELD_OUT_OF_RANGE'],
    ['no version to wait for', text({ command: 'await', group: 'g' }), 'FIELD_MISSING'],
    ['a wait without end', text({ command: 'await', group: 'g', version: 1, timeoutMs: 1e9 }), 'FIELD_OUT_OF_RANGE'],
    ['no data', text({ command: 'seal', group: 'g' }), 'FIELD_MISSING'],
    ['data that is no base64', text({ command: 'seal', group: 'g', data: 'a b' }), 'MALFORMED_MESSAGE'],
    ['data that is no text', text({ command: 'seal', group: 'g', data: 7 }), 'MALFORMED_MESSAGE'],
  ])('is refused: %s', (_what, given, reason) => {
    expect(() => parseCommand(given)).toThrow(expect.objectContaining({ reason }) as Error);
  });

  it('is read or refused, whatever the file has (property)', () => {
    const json = fc.oneof(fc.json(), fc.string());
    const field = fc.constantFrom('command', 'group', 'version', 'timeoutMs', 'data', 'message', 'x');
    const command = fc.constantFrom('join', 'pull', 'await', 'seal', 'open', 'status', 'watch', 'stop', 'x');
    const value = fc.oneof(command, fc.constant('g'), fc.integer(), fc.double(), fc.string(), fc.constant(null));
    const near = fc.dictionary(field, value).map((fields) => text(fields));
    fc.assert(
      fc.property(fc.oneof(json, near), (given) => {
        try {
          expect(Object.keys(parseCommand(given))).toContain('command');
        } catch (error) {
          expect(error).toBeInstanceOf(CpnsError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('carries any bytes (property)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const data = Buffer.from(bytes);
        expect(parseCommand(text({ command: 'seal', group: 'g', data: data.toString('base64') }))).toEqual({
          command: 'seal',
          group: 'g',
          data,
        });
      }),
    );
  });
});
