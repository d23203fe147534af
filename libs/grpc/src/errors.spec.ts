import { CpnsError, REASONS, type Reason } from '@cpns/core';
import { Metadata, status as Status, type ServiceError } from '@grpc/grpc-js';
import fc from 'fast-check';
import { ErrorInfo, RpcStatus } from '@cpns/contracts';
import { errorOfStatus, fromServiceError, GRPC_CODES, toCpnsError, toStatus } from '.';

const reasons = Object.keys(REASONS) as Reason[];

/** What grpc-js makes of a status at the other end. */
const received = (code: Status, details: string, metadata = new Metadata()): ServiceError =>
  Object.assign(new Error(`${code} ${Status[code]}: ${details}`), { code, details, metadata });

const roundTrip = (error: CpnsError) => {
  const status = toStatus(error);
  return fromServiceError(received(status.code, status.details, status.metadata));
};

// a deadline is passed on as a dependency that does not answer, see below
const carried = reasons.filter((reason) => REASONS[reason].code !== 'DEADLINE_EXCEEDED');

test.each(carried)('%s comes back as itself', (reason) => {
  const error = new CpnsError(reason, 'what to do', { metadata: { field: 'entity' }, cause: new Error('inside') });
  const back = roundTrip(error);
  expect(back).toMatchObject({ reason, code: error.code, message: 'what to do', metadata: { field: 'entity' } });
  expect(back.cause).toBeUndefined();
});

test('any message and metadata comes back, as far as it is text and not endless', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/);
  const entries = fc.dictionary(name, fc.string({ unit: 'grapheme', maxLength: 100 }), { maxKeys: 16 });
  fc.assert(
    fc.property(
      fc.constantFrom(...carried),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      entries,
      (reason, message, metadata) => {
        const back = roundTrip(new CpnsError(reason, message, { metadata }));
        expect({ reason: back.reason, message: back.message }).toEqual({ reason, message });
        expect({ ...back.metadata }).toEqual({ ...metadata });
      },
    ),
  );
});

test('a lone surrogate and an endless message are sent all the same', () => {
  const { details } = toStatus(new CpnsError('INTERNAL', `\ud800${'x'.repeat(10_000)}`));
  expect(details).toHaveLength(513);
  expect(() => encodeURI(details)).not.toThrow();
});

test('the details are google.rpc.Status with one ErrorInfo of domain cpns', () => {
  const status = toStatus(new CpnsError('TOKEN_SPENT', 'used', { metadata: { a: 'b' } }));
  const [bytes] = status.metadata.get('grpc-status-details-bin');
  const decoded = RpcStatus.decode(bytes as Buffer);
  expect(decoded).toMatchObject({ code: Status.FAILED_PRECONDITION, message: 'used' });
  expect(decoded.details.map((any) => any.typeUrl)).toEqual(['type.googleapis.com/google.rpc.ErrorInfo']);
  expect(ErrorInfo.decode(decoded.details[0]!.value)).toEqual({
    reason: 'TOKEN_SPENT',
    domain: 'cpns',
    metadata: { a: 'b' },
  });
});

test('every code has the number that gRPC gives it', () => {
  for (const [name, number] of Object.entries(GRPC_CODES)) expect(Status[number]).toBe(name);
});

describe('what is not ours', () => {
  const forged = (reason: string, domain: string, code: Status) => {
    const status = toStatus(new CpnsError('NOT_FOUND', 'x'));
    const info = ErrorInfo.encode({ reason, domain, metadata: {} }).finish();
    const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(info) }];
    status.metadata.set(
      'grpc-status-details-bin',
      Buffer.from(RpcStatus.encode({ code, message: '', details }).finish()),
    );
    return received(code, 'x', status.metadata);
  };
  const garbage = new Metadata();
  garbage.set('grpc-status-details-bin', Buffer.from('ffffff', 'hex'));

  test.each<[string, unknown, Reason]>([
    ['no details', received(Status.NOT_FOUND, 'gone'), 'NOT_FOUND'],
    ['details that do not decode', received(Status.NOT_FOUND, 'gone', garbage), 'NOT_FOUND'],
    ['a reason that is not in the list', forged('MADE_UP', 'cpns', Status.NOT_FOUND), 'NOT_FOUND'],
    ['a reason of another domain', forged('TOKEN_SPENT', 'other', Status.FAILED_PRECONDITION), 'INTERNAL'],
    ['a reason with another code than its own', forged('TOKEN_SPENT', 'cpns', Status.NOT_FOUND), 'NOT_FOUND'],
    ['a refused connection', received(Status.UNAVAILABLE, 'ECONNREFUSED'), 'DEPENDENCY_UNAVAILABLE'],
    ['a deadline', received(Status.DEADLINE_EXCEEDED, 'late'), 'DEPENDENCY_UNAVAILABLE'],
    ['a stream that was reset', received(Status.INTERNAL, 'Received RST_STREAM with code 2'), 'DEPENDENCY_UNAVAILABLE'],
    ['a call that the other side cut off', received(Status.CANCELLED, 'Call cancelled'), 'DEPENDENCY_UNAVAILABLE'],
    [
      'a message that is too large',
      received(Status.RESOURCE_EXHAUSTED, 'Received message larger than max'),
      'MESSAGE_TOO_LARGE',
    ],
    ['an unknown code', received(Status.DATA_LOSS, 'x'), 'INTERNAL'],
    ['an error that is no status', new TypeError('bug'), 'INTERNAL'],
    ['something that is no error', 'text', 'INTERNAL'],
  ])('%s', (_what, error, reason) => expect(fromServiceError(error).reason).toBe(reason));

  test('a dependency is named, its own words stay in the cause', () => {
    const error = fromServiceError(received(Status.UNAVAILABLE, '10.0.0.1 refused'), {
      dependency: 'cpns://td/service/kmc',
    });
    expect(error.message).toBe('cpns://td/service/kmc does not answer; try again');
    expect(error.metadata).toEqual({ dependency: 'cpns://td/service/kmc' });
    expect((error.cause as Error).message).toContain('10.0.0.1');
  });

  test('a call that we cancelled is not the other side’s fault', () => {
    expect(fromServiceError(received(Status.CANCELLED, 'x'), { cancelled: true }).reason).toBe('CALL_CANCELLED');
  });
});

describe('statuses that the library makes', () => {
  test.each<[Status, string, Reason]>([
    [Status.INTERNAL, 'Error deserializing request', 'MALFORMED_MESSAGE'],
    [Status.INTERNAL, 'Failed to decompress message', 'MALFORMED_MESSAGE'],
    [Status.UNIMPLEMENTED, 'Received no request message for server streaming method x', 'MALFORMED_MESSAGE'],
    [Status.UNIMPLEMENTED, 'The server does not implement the method x', 'UNIMPLEMENTED'],
    [Status.RESOURCE_EXHAUSTED, 'Received message larger than max (9 vs. 8)', 'MESSAGE_TOO_LARGE'],
    [Status.DEADLINE_EXCEEDED, 'Deadline exceeded', 'DEADLINE'],
    [Status.INTERNAL, 'Internal server error', 'INTERNAL'],
    [Status.UNKNOWN, 'Unknown error', 'INTERNAL'],
  ])('%s %s: %s', (code, details, reason) => expect(errorOfStatus({ code, details }).reason).toBe(reason));
});

test('an error of ours is passed on as it is', () => {
  const error = new CpnsError('CONFLICT', 'again');
  expect(toCpnsError(error)).toBe(error);
  expect(fromServiceError(error)).toBe(error);
});
