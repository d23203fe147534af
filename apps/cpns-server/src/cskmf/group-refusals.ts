import { CpnsError, failedPrecondition } from '@cpns/core';

export const groupUnknown = () => new CpnsError('NOT_FOUND', 'no group of that id has a Group Key here');

export const groupDeleted = () =>
  failedPrecondition('GROUP_DELETED', 'the Service Group was deleted, and its id is never used again');
