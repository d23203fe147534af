import { InvalidArgumentError } from 'commander';
import * as values from './option-values';

describe('option values', () => {
  const entity = 'cpns://pn1.td.example/pne/phone';

  it.each([
    ['entityUri', values.entityUri, entity, entity],
    ['assigner: the Server', values.assigner, 'server', ''],
    ['assigner: a gateway', values.assigner, 'cpns://pn1.td/pn-gw/g', 'cpns://pn1.td/pn-gw/g'],
    ['lifetime', values.lifetime, '1h30m', 5_400_000],
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
    ['an empty entity', values.entityUri, ''],
    ['an assigner that is no gateway', values.assigner, 'Server'],
    ['a user with a space', values.userId, 'al ice'],
    ['an endpoint without a port', values.endpoint, 'localhost'],
    ['a lifetime without a unit', values.lifetime, '15'],
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
