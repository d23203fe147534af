import {
  CpnsError,
  failedPrecondition,
  invalidArgument,
  isReason,
  permissionDenied,
  REASONS,
  unauthenticated,
  unavailable,
  type Reason,
} from '.';

const reasons = Object.keys(REASONS) as Reason[];

describe('CpnsError', () => {
  it.each(reasons)('%s answers with its one code', (reason) => {
    const error = new CpnsError(reason, 'what to do');
    expect(error.code).toBe(REASONS[reason].code);
    expect(error).toMatchObject({ name: 'CpnsError', reason, message: 'what to do', metadata: {} });
    expect(error).toBeInstanceOf(Error);
  });

  it('carries metadata, and a cause that is no part of what is sent', () => {
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:6379');
    const error = new CpnsError('DEPENDENCY_UNAVAILABLE', 'try again later', { metadata: { field: 'store' }, cause });
    expect(error.cause).toBe(cause);
    expect(error.metadata).toEqual({ field: 'store' });
    expect(error.message).not.toContain('10.0.0.7');
    expect(JSON.stringify(error)).not.toContain('10.0.0.7');
  });

  it('has no cause of its own making', () => {
    expect(Object.hasOwn(new CpnsError('INTERNAL', 'a fault'), 'cause')).toBe(false);
  });

  it.each([
    ['INVALID_ARGUMENT', invalidArgument('NAME_INVALID', 'x')],
    ['UNAUTHENTICATED', unauthenticated('PROOF_MAC', 'x')],
    ['PERMISSION_DENIED', permissionDenied('PN_MISMATCH', 'x')],
    ['FAILED_PRECONDITION', failedPrecondition('TOKEN_SPENT', 'x')],
    ['UNAVAILABLE', unavailable('SHUTTING_DOWN', 'x')],
  ])('the short form for %s agrees with the list', (code, error) => {
    expect(error.code).toBe(code);
  });

  it('takes metadata and cause through the short forms as well', () => {
    const cause = new Error('inner');
    const error = invalidArgument('FIELD_MISSING', 'x', { metadata: { field: 'nonce' }, cause });
    expect(error).toMatchObject({ metadata: { field: 'nonce' }, cause });
  });
});

describe('names that arrive from another process', () => {
  // what every JavaScript object answers to must not pass for a reason
  const inherited = ['toString', 'constructor', '__proto__', 'hasOwnProperty'];

  it.each([...inherited, '', 'name_invalid', 'NAME_INVALID '])('%p is no reason', (name) => {
    expect(isReason(name)).toBe(false);
  });

  it('knows its own', () => {
    expect(reasons.filter(isReason)).toEqual(reasons);
  });
});
