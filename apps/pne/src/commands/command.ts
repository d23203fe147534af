/**
 * What a running device program can be told, as it stands in a command file, and what its result has beside `ok`. Bytes are
 * base64, versions numbers; a status is what `GroupResult` in result-file.ts says.
 *
 * | command | fields | result |
 * |---|---|---|
 * | join, leave | group | group: status |
 * | pull | group, version? | group: status, version, delivery |
 * | watch, unwatch | | |
 * | await | group, version, timeoutMs? | group: status, delivery or null |
 * | seal | group, data | message, version |
 * | open | message | group, version, sender, data |
 * | status | group? | stage, entity, keyId, groups: statuses |
 * | stop | | |
 *
 * A delivery is the GroupKeyDelivery as it came; what was refused has `ok: false` with reason, message and metadata. No
 * result holds a secret.
 */
import { CpnsError, invalidArgument, checkGroupId } from '@cpns/core';

export type Command =
  | { readonly command: 'join' | 'leave'; readonly group: string }
  | { readonly command: 'pull'; readonly group: string; readonly version?: bigint }
  | { readonly command: 'await'; readonly group: string; readonly version: bigint; readonly timeoutMs: number }
  | { readonly command: 'seal'; readonly group: string; readonly data: Buffer }
  | { readonly command: 'open'; readonly message: Buffer }
  | { readonly command: 'status'; readonly group?: string }
  | { readonly command: 'watch' | 'unwatch' | 'stop' };

type Fields = Readonly<Record<string, unknown>>;

/** Which fields a command may have beside its name. */
const FIELDS: Readonly<Record<Command['command'], readonly string[]>> = {
  join: ['group'],
  leave: ['group'],
  pull: ['group', 'version'],
  await: ['group', 'version', 'timeoutMs'],
  seal: ['group', 'data'],
  open: ['message'],
  status: ['group'],
  watch: [],
  unwatch: [],
  stop: [],
};

const AWAIT_MS = 10_000;
const AWAIT_MAX_MS = 600_000;

const outOfRange = (field: string, what: string) =>
  invalidArgument('FIELD_OUT_OF_RANGE', `${field} ${what}`, { metadata: { field } });

const malformed = (message: string, metadata = {}) => new CpnsError('MALFORMED_MESSAGE', message, { metadata });

/**
 * @param text JSON of one object
 * @throws CpnsError MALFORMED_MESSAGE, FIELD_MISSING, FIELD_OUT_OF_RANGE, NAME_INVALID, FIELD_TOO_LONG
 */
export function parseCommand(text: string): Command {
  const fields = objectOf(text);
  const { command } = fields;
  if (typeof command !== 'string' || !isCommand(command))
    throw outOfRange('command', `is none of ${Object.keys(FIELDS).join(', ')}`);
  for (const name of Object.keys(fields))
    if (name !== 'command' && !FIELDS[command].includes(name)) throw outOfRange(name, `is no field of ${command}`);
  return commandOf(command, fields);
}

function commandOf(command: Command['command'], fields: Fields): Command {
  switch (command) {
    case 'join':
    case 'leave':
      return { command, group: group(fields) };
    case 'pull':
      return { command, group: group(fields), ...(fields.version !== undefined && { version: version(fields) }) };
    case 'await':
      return { command, group: group(fields), version: version(fields), timeoutMs: timeout(fields) };
    case 'seal':
      return { command, group: group(fields), data: base64(fields, 'data') };
    case 'open':
      return { command, message: base64(fields, 'message') };
    case 'status':
      return { command, ...(fields.group !== undefined && { group: group(fields) }) };
    case 'watch':
    case 'unwatch':
    case 'stop':
      return { command };
  }
}

const isCommand = (text: string): text is Command['command'] => Object.hasOwn(FIELDS, text);

function objectOf(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // what the parser says quotes the file
    throw malformed('the command is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('the command is no object');
  return value as Fields;
}

const missing = (field: string) => invalidArgument('FIELD_MISSING', `${field} is missing`, { metadata: { field } });

function group({ group: value }: Fields): string {
  if (value === undefined) throw missing('group');
  if (typeof value !== 'string') throw outOfRange('group', 'is no text');
  return checkGroupId(value, 'group');
}

function version({ version: value }: Fields): bigint {
  if (value === undefined) throw missing('version');
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1)
    throw outOfRange('version', 'is no whole number from 1 on');
  return BigInt(value);
}

function timeout({ timeoutMs: value = AWAIT_MS }: Fields): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > AWAIT_MAX_MS)
    throw outOfRange('timeoutMs', `is no whole number from 0 to ${AWAIT_MAX_MS}`);
  return value;
}

function base64(fields: Fields, field: string): Buffer {
  const value = fields[field];
  if (value === undefined) throw missing(field);
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64');
  // Buffer leaves out what is no base64
  if (bytes.toString('base64') !== value) throw malformed(`${field} is no base64`, { field });
  return bytes;
}
