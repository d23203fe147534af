import { InvalidArgumentError } from 'commander';
import * as values from './option-values';

describe('option values', () => {
  const entity = 'cpns://pn1.td.example/pne/phone';

  it.each([
    ['entityUri', values.entityUri, entity, entity],
    ['assigner: the Server', values.assigner, 'server', ''],
    ['assigner: a gateway', values.assigner, 'cpns://pn1.td/pn-gw/g', 'cpns://pn1.td/pn-gw/g'],
    ['gatewayUri', values.gatewayUri, 'cpns://pn1.td/pn-gw/g', 'cpns://pn1.td/pn-gw/g'],
    ['lifetime', values.lifetime, '1h30m', 5_400_000],
    ['lifetimeOrNone: some', values.lifetimeOrNone, '90s', 90_000],
    ['lifetimeOrNone: none', values.lifetimeOrNone, 'none', 0],
    ['time in UTC', values.time, '2026-12-24T12:00Z', Date.UTC(2026, 11, 24, 12)],
    ['time elsewhere', values.time, '2026-12-24T12:00:30+01:00', Date.UTC(2026, 11, 24, 11, 0, 30)],
    ['endpoint', values.endpoint, '[::1]:7431', '[::1]:7431'],
    ['ipAddress', values.ipAddress, '::1', '::1'],
    ['userId', values.userId, 'alice', 'alice'],
    ['groupId', values.groupId, 'Family.1', 'Family.1'],
    ['count', values.count, '100000', 100_000],
  ])('%s', (_, parse: (text: string) => unknown, text, expected) => {
    expect(parse(text)).toBe(expected);
  });

  it.each([
    ['an entity with a user-info trick', values.entityUri, 'cpns://pn1.td:x@pn2.td/pne/p'],
    ['an entity with a path trick', values.entityUri, 'cpns://pn1.td/pne/../p'],
    ['a gateway that is a PNE', values.gatewayUri, entity],
    ['an empty entity', values.entityUri, ''],
    ['an assigner that is no gateway', values.assigner, 'Server'],
    ['a user with a space', values.userId, 'al ice'],
    ['an endpoint without a port', values.endpoint, 'localhost'],
    ['a lifetime without a unit', values.lifetime, '15'],
    ['a lifetime of 0', values.lifetimeOrNone, '0'],
    ['a time that does not say where', values.time, '2026-12-24T12:00'],
    ['a day', values.time, '2026-12-24'],
    ['a time that is none', values.time, '2026-13-24T12:00Z'],
    ['an address that is a name', values.ipAddress, 'localhost'],
    ['a trust domain in upper case', values.trustDomain, 'Home.Example'],
    ['an operator with a dot', values.name, 'a.b'],
    ['a token-id with a slash', values.tokenId, 'a/b'],
    ['a group-id that begins with a dot', values.groupId, '.x'],
    ['a count of nothing', values.count, '0'],
    ['a count with a fraction', values.count, '1.5'],
    ['a count in another notation', values.count, '1e3'],
    ['a key-id that is too short', values.keyId, 'ab'],
  ])('refuses %s', (_, parse: (text: string) => unknown, text) => {
    expect(() => parse(text)).toThrow(InvalidArgumentError);
  });

  it('collects what is given more than once', () => {
    const parse = values.repeated(values.ipAddress);
    expect(parse('::1', parse('127.0.0.1', undefined))).toEqual(['127.0.0.1', '::1']);
  });
});
