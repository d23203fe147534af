import { CpnsError, invalidArgument } from '@cpns/core';

export const superseded = () => new CpnsError('SUPERSEDED', 'a newer channel of this receiver took over');

export const resynchronising = (metadata: Record<string, string> = {}) =>
  new CpnsError('RESYNCHRONISING', 'what was sent and what the log has differ: open the channel again', { metadata });

export const outOfRange = (what: string, numbers: Record<string, bigint>): CpnsError =>
  invalidArgument('FIELD_OUT_OF_RANGE', what, {
    metadata: Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)])),
  });
