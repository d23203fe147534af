import { reasonOf, itHolds } from '../testing';
import fc from 'fast-check';
import { checkEndpoint, ENDPOINT_MAX_LENGTH } from '..';

const host = [63, 63, 63, 61].map((size) => 'h'.repeat(size)).join('.');

describe('checkEndpoint', () => {
  it.each([
    ['a DNS name', 'cpns.example.net:8443', 'accepted'],
    ['one label', 'localhost:1', 'accepted'],
    ['IPv4', '127.0.0.1:65535', 'accepted'],
    ['IPv6', '[::1]:443', 'accepted'],
    ['IPv4 in IPv6', '[::ffff:127.0.0.1]:443', 'accepted'],
    ['the longest name', `${host}:65535`, 'accepted'],
    ['nothing', '', 'FIELD_MISSING'],
    ['a longer one', `${host}h:65535`, 'FIELD_TOO_LONG'],
    ['no port', 'cpns.example.net', 'NAME_INVALID'],
    ['an empty port', 'cpns.example.net:', 'NAME_INVALID'],
    ['port 0', 'h:0', 'NAME_INVALID'],
    ['port 65536', 'h:65536', 'NAME_INVALID'],
    ['a port with a leading zero', 'h:0443', 'NAME_INVALID'],
    ['a port with a sign', 'h:+443', 'NAME_INVALID'],
    ['no host', ':443', 'NAME_INVALID'],
    ['IPv6 without brackets', '::1:443', 'NAME_INVALID'],
    ['brackets around no address', '[:::1]:443', 'NAME_INVALID'],
    ['brackets around IPv4', '[127.0.0.1]:443', 'NAME_INVALID'],
    ['an IPv6 zone', '[fe80::1%eth0]:443', 'NAME_INVALID'],
    ['an empty label', 'a..b:443', 'NAME_INVALID'],
    ['a label of 64 characters', `${'h'.repeat(64)}:443`, 'NAME_INVALID'],
    ['a scheme', 'dns:///h:443', 'NAME_INVALID'],
    ['a unix socket', 'unix:/run/x:443', 'NAME_INVALID'],
    ['a user', 'a@h:443', 'NAME_INVALID'],
    ['a path', 'h:443/x', 'NAME_INVALID'],
    ['two hosts', 'h:443,i:443', 'NAME_INVALID'],
    ['a space', ' h:443', 'NAME_INVALID'],
    ['a newline', 'h:443\n', 'NAME_INVALID'],
    ['NUL', 'h\u0000:443', 'NAME_INVALID'],
    ['digits of another script', 'h:\u0664\u0664\u0663', 'NAME_INVALID'],
  ])('%s: %j', (_what, value, expected) => {
    expect(reasonOf(() => checkEndpoint(value))).toBe(expected);
  });

  it('is bounded by the longest DNS name and port', () => {
    expect(`${host}:65535`).toHaveLength(ENDPOINT_MAX_LENGTH);
  });

  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6().map((ip) => `[${ip}]`),
    fc.domain(),
  );
  itHolds('takes every address and port', [address, fc.integer({ min: 1, max: 65_535 })], (at, port) => {
    expect(checkEndpoint(`${at}:${port}`)).toBe(`${at}:${port}`);
  });
});
