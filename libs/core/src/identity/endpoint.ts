import { invalidArgument } from '../errors';
import { isIPv6 } from 'node:net';
import { checkLength } from './checks';

/** A bracketed IPv6 address or a DNS name is never longer, with its port. */
export const ENDPOINT_MAX_LENGTH = 253 + ':65535'.length;

const SHAPE = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*)):([1-9][0-9]{0,4})$/;

/**
 * `host:port` that a client dials: a DNS name, an IPv4 address or a bracketed IPv6 address, and a port from 1 to 65535
 * without leading zeros. No scheme, no user, no path.
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, NAME_INVALID
 */
export function checkEndpoint(value: string, field = 'host:port'): string {
  checkLength(value, field, ENDPOINT_MAX_LENGTH);
  const [matched, ipv6, , port] = SHAPE.exec(value) ?? [];
  if (matched === undefined || Number(port) > 65_535 || (ipv6 !== undefined && !isIPv6(ipv6)))
    throw invalidArgument('NAME_INVALID', `${field} is not a host and a port from 1 to 65535`, { metadata: { field } });
  return value;
}
