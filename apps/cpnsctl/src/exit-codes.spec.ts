import { CpnsError } from '@cpns/core';
import { CommanderError } from 'commander';
import { checkInput, describeFailure, UsageError } from './exit-codes';

describe('describeFailure', () => {
  it.each([
    ['a wrong command line', new UsageError('give --pki'), 64, 'give --pki'],
    ['what commander said already', new CommanderError(1, 'commander.unknownOption', 'x'), 64, ''],
    ['help that was asked for', new CommanderError(0, 'commander.helpDisplayed', ''), 0, ''],
    ['a refusal', new CpnsError('TOKEN_SPENT', 'the token was used'), 1, 'the token was used (TOKEN_SPENT)'],
    ['a message that the Server finds wrong', new CpnsError('NAME_INVALID', 'no name'), 1, 'no name (NAME_INVALID)'],
    [
      'nobody who answers',
      new CpnsError('DEPENDENCY_UNAVAILABLE', 'try again'),
      69,
      'try again (DEPENDENCY_UNAVAILABLE)',
    ],
    ['a stopping service', new CpnsError('SHUTTING_DOWN', 'stopping'), 69, 'stopping (SHUTTING_DOWN)'],
    ['a deadline', new CpnsError('DEADLINE', 'late'), 69, 'late (DEADLINE)'],
    ['a fault of the service', new CpnsError('INTERNAL', 'failed'), 70, 'failed (INTERNAL)'],
    ['a fault of ours', new TypeError('x is not a function'), 70, 'x is not a function'],
  ])('%s', (_, error, code, line) => {
    expect(describeFailure(error)).toEqual({ code, line });
  });
});

describe('checkInput', () => {
  it('turns a reason into a wrong command line, and nothing else', () => {
    const refuse = () => {
      throw new CpnsError('CSR_WEAK_KEY', 'use P-256');
    };
    expect(() => checkInput('a.csr', refuse)).toThrow(UsageError);
    expect(() => checkInput('a.csr', refuse)).toThrow('a.csr: use P-256 (CSR_WEAK_KEY)');
    const fault = new RangeError('ours');
    expect(() =>
      checkInput('a.csr', () => {
        throw fault;
      }),
    ).toThrow(fault);
    expect(checkInput('a.csr', () => 7)).toBe(7);
  });
});
