import { reasonOf, itHolds } from '../testing';
import { CpnsError } from '../errors';
import fc from 'fast-check';
import * as identity from '..';

const E = 'cpns://pn1.td/pne/camera';

describe('the three kinds of name', () => {
  it('an entity: the first label is the pn-id, the others the trust domain', () => {
    expect(identity.parseEntityUri('cpns://pn1.example.net/pn-gw/Gw_1.a')).toEqual({
      kind: 'entity',
      uri: 'cpns://pn1.example.net/pn-gw/Gw_1.a',
      pnId: 'pn1',
      trustDomain: 'example.net',
      entityType: 'pn-gw',
      entityId: 'Gw_1.a',
      pn: 'pn1.example.net',
    });
  });

  it('a service and an operator', () => {
    const service = { kind: 'service', uri: 'cpns://td/service/kmc', trustDomain: 'td', name: 'kmc' };
    expect(identity.parseServiceUri('cpns://td/service/kmc')).toEqual(service);
    expect(identity.serviceUri('td', 'kmc')).toBe(service.uri);
    const operator = { kind: 'operator', uri: 'cpns://a.b/operator/root', trustDomain: 'a.b', name: 'root' };
    expect(identity.parseOperatorUri('cpns://a.b/operator/root')).toEqual(operator);
    expect(identity.operatorUri('a.b', 'root')).toBe(operator.uri);
  });

  it('are told apart by the path alone, so a pn-id in front makes another trust domain and not another kind', () => {
    expect(identity.parseIdentityUri('cpns://pn1.td/service/x')).toMatchObject({
      kind: 'service',
      trustDomain: 'pn1.td',
    });
    expect(identity.parseIdentityUri('cpns://pn1.td/pne/x')).toMatchObject({ kind: 'entity', trustDomain: 'td' });
    expect(identity.parseIdentityUri('cpns://service.td/pne/operator')).toMatchObject({
      kind: 'entity',
      pnId: 'service',
    });
    expect(identity.parseIdentityUri('cpns://pne/operator/service')).toMatchObject({
      kind: 'operator',
      name: 'service',
    });
  });
});

// what no parser of a name takes
const hostile: readonly [string, string, string][] = [
  ['nothing', '', 'FIELD_MISSING'],
  ['user information before the host', 'cpns://pn1.td:x@pn2.td/pne/camera', 'NAME_INVALID'],
  ['user information, shorter', 'cpns://a@pn1.td/pne/camera', 'NAME_INVALID'],
  ['a port', 'cpns://pn1.td:443/pne/camera', 'NAME_INVALID'],
  ['a step up as the id', 'cpns://pn1.td/pne/..', 'NAME_INVALID'],
  ['a step up in the path', 'cpns://pn1.td/pne/../pn-gw/gw', 'NAME_INVALID'],
  ['a step up after the host', 'cpns://pn1.td/../pne/camera', 'NAME_INVALID'],
  ['a dot segment', 'cpns://pn1.td/./pne/camera', 'NAME_INVALID'],
  ['two slashes after the host', 'cpns://pn1.td//pne/camera', 'NAME_INVALID'],
  ['two slashes before the id', 'cpns://pn1.td/pne//camera', 'NAME_INVALID'],
  ['three slashes', 'cpns:///pn1.td/pne/camera', 'NAME_INVALID'],
  ['one slash', 'cpns:/pn1.td/pne/camera', 'NAME_INVALID'],
  ['a slash at the end', 'cpns://pn1.td/pne/camera/', 'NAME_INVALID'],
  ['a backslash', 'cpns://pn1.td\\@pn2.td/pne/camera', 'NAME_INVALID'],
  ['percent-encoding in the id', 'cpns://pn1.td/pne/c%61mera', 'NAME_INVALID'],
  ['percent-encoding in the host', 'cpns://pn1%2etd/pne/camera', 'NAME_INVALID'],
  ['percent-encoding of a slash', 'cpns://pn1.td/pne%2fcamera', 'NAME_INVALID'],
  ['an upper-case host', 'cpns://PN1.td/pne/camera', 'NAME_INVALID'],
  ['an upper-case trust domain', 'cpns://pn1.TD/pne/camera', 'NAME_INVALID'],
  ['an upper-case scheme', 'CPNS://pn1.td/pne/camera', 'NAME_INVALID'],
  ['an upper-case type', 'cpns://pn1.td/PNE/camera', 'NAME_INVALID'],
  ['another scheme', 'spiffe://pn1.td/pne/camera', 'NAME_INVALID'],
  ['no scheme', 'pn1.td/pne/camera', 'NAME_INVALID'],
  ['a Cyrillic letter in the host', 'cpns://pn1.t\u0434/pne/camera', 'NAME_INVALID'],
  ['a Cyrillic letter in the id', 'cpns://pn1.td/pne/c\u0430mera', 'NAME_INVALID'],
  ['a full-width slash', 'cpns://pn1.td\uff0fpne/camera', 'NAME_INVALID'],
  ['an ideographic full stop', 'cpns://pn1\u3002td/pne/camera', 'NAME_INVALID'],
  ['a Kelvin sign', 'cpns://pn1.td/pne/\u212aamera', 'NAME_INVALID'],
  ['a newline at the end', 'cpns://pn1.td/pne/camera\n', 'NAME_INVALID'],
  ['a carriage return at the end', 'cpns://pn1.td/pne/camera\r', 'NAME_INVALID'],
  ['a newline at the start', '\ncpns://pn1.td/pne/camera', 'NAME_INVALID'],
  ['a newline in the host', 'cpns://pn1.td\n.evil/pne/camera', 'NAME_INVALID'],
  ['a second line', 'cpns://pn1.td/pne/camera\ncpns://pn1.td/pn-gw/gw', 'NAME_INVALID'],
  ['a line separator', 'cpns://pn1.td/pne/camera\u2028', 'NAME_INVALID'],
  ['NUL at the end', 'cpns://pn1.td/pne/camera\u0000', 'NAME_INVALID'],
  ['NUL before another name', 'cpns://pn1.td\u0000.evil.td/pne/camera', 'NAME_INVALID'],
  ['a space', 'cpns://pn1.td/pne/camera ', 'NAME_INVALID'],
  ['a zero-width space', 'cpns://pn1.td/pne/camera\u200b', 'NAME_INVALID'],
  ['a byte order mark', '\ufeffcpns://pn1.td/pne/camera', 'NAME_INVALID'],
  ['a fragment', 'cpns://pn1.td/pne/camera#x', 'NAME_INVALID'],
  ['an empty fragment', 'cpns://pn1.td/pne/camera#', 'NAME_INVALID'],
  ['a path parameter', 'cpns://pn1.td/pne/camera;x', 'NAME_INVALID'],
  ['an empty query', 'cpns://pn1.td/pne/camera?', 'NAME_INVALID'],
  ['another query', 'cpns://pn1.td/pne/camera?role=operator', 'NAME_INVALID'],
  ['a query before the path', 'cpns://pn1.td?x=/pne/camera', 'NAME_INVALID'],
  ['a fragment before the path', 'cpns://pn1.td#/pne/camera', 'NAME_INVALID'],
  ['another type', 'cpns://pn1.td/gateway/camera', 'NAME_INVALID'],
  ['a type that is an inherited property', 'cpns://pn1.td/constructor/camera', 'NAME_INVALID'],
  ['no id', 'cpns://pn1.td/pne/', 'FIELD_MISSING'],
  ['no type', 'cpns://pn1.td//camera', 'NAME_INVALID'],
  ['no host', 'cpns:///pne/camera', 'NAME_INVALID'],
  ['no trust domain', 'cpns://pn1/pne/camera', 'NAME_INVALID'],
  ['an empty trust domain', 'cpns://pn1./pne/camera', 'FIELD_MISSING'],
  ['an empty pn-id', 'cpns://.td/pne/camera', 'FIELD_MISSING'],
  ['an empty label', 'cpns://pn1..td/pne/camera', 'NAME_INVALID'],
  ['a dot at the end of the host', 'cpns://pn1.td./pne/camera', 'NAME_INVALID'],
  ['an IPv6 address', 'cpns://[::1]/pne/camera', 'NAME_INVALID'],
  ['a wildcard', 'cpns://*.td/pne/camera', 'NAME_INVALID'],
  ['a hidden id', 'cpns://pn1.td/pne/.camera', 'NAME_INVALID'],
  ['an id of 65 characters', `cpns://pn1.td/pne/${'c'.repeat(65)}`, 'FIELD_TOO_LONG'],
  ['a pn-id of 64 characters', `cpns://${'p'.repeat(64)}.td/pne/camera`, 'FIELD_TOO_LONG'],
  ['a trust domain of 191 characters', `cpns://pn1.${'t.'.repeat(95)}t/pne/camera`, 'FIELD_TOO_LONG'],
  ['a megabyte', `cpns://${'a'.repeat(1_000_000)}.td/pne/camera`, 'FIELD_TOO_LONG'],
  ['a service in the role of an entity', 'cpns://td/service', 'NAME_INVALID'],
  ['a service with a step further', 'cpns://td/service/kmc/x', 'NAME_INVALID'],
  ['a service of an upper-case name', 'cpns://td/service/KMC', 'NAME_INVALID'],
  ['a service without a name', 'cpns://td/service/', 'FIELD_MISSING'],
  ['an operator of no trust domain', 'cpns:///operator/root', 'FIELD_MISSING'],
];

describe('what is no name', () => {
  it.each(hostile)('%s: %j', (_what, text, reason) => {
    const reasons = [identity.parseIdentityUri, identity.parseSubject].map((parse) => reasonOf(() => parse(text)));
    expect(reasons).toEqual([reason, reason]);
    for (const parse of [identity.parseEntityUri, identity.parseServiceUri, identity.parseOperatorUri])
      expect(reasonOf(() => parse(text))).not.toBe('accepted');
  });

  it('the unaltered name is one', () => {
    expect(identity.parseSubject(E).name.uri).toBe(E);
  });

  it.each([
    ['a service', 'cpns://td/service/kmc', identity.parseEntityUri],
    ['a service', 'cpns://td/service/kmc', identity.parseOperatorUri],
    ['an operator', 'cpns://td/operator/root', identity.parseServiceUri],
    ['an operator', 'cpns://a.td/operator/root', identity.parseEntityUri],
    ['an entity', E, identity.parseServiceUri],
    ['an entity', E, identity.parseOperatorUri],
  ])('%s is not another kind: %s', (_what, text, parse) => {
    expect(reasonOf(() => parse(text))).toBe('NAME_INVALID');
  });
});

describe('the URI of a certificate', () => {
  it('is E, or E with a user', () => {
    expect(identity.parseSubject(E)).toMatchObject({ name: { uri: E }, user: '' });
    expect(identity.parseSubject(`${E}?user=alice`)).toMatchObject({ name: { uri: E, kind: 'entity' }, user: 'alice' });
    expect(identity.formatSubject(E, 'alice')).toBe(`${E}?user=alice`);
    expect(identity.formatSubject(E, '')).toBe(E);
  });

  it.each([
    ['an empty user', `${E}?user=`, 'FIELD_MISSING'],
    ['a user twice', `${E}?user=a?user=b`, 'NAME_INVALID'],
    ['a user twice, as a query has it', `${E}?user=a&user=b`, 'NAME_INVALID'],
    ['a further field', `${E}?user=a&x=y`, 'NAME_INVALID'],
    ['a field before', `${E}?x=y&user=a`, 'NAME_INVALID'],
    ['another case', `${E}?User=a`, 'NAME_INVALID'],
    ['a fragment', `${E}?user=a#b`, 'NAME_INVALID'],
    ['a fragment before', `${E}#?user=a`, 'NAME_INVALID'],
    ['a newline', `${E}?user=a\n`, 'NAME_INVALID'],
    ['NUL', `${E}?user=a\u0000`, 'NAME_INVALID'],
    ['percent-encoding', `${E}?user=a%20`, 'NAME_INVALID'],
    ['a look-alike', `${E}?user=\u0430lice`, 'NAME_INVALID'],
    ['65 characters', `${E}?user=${'u'.repeat(65)}`, 'FIELD_TOO_LONG'],
    ['a user of a service', 'cpns://td/service/kmc?user=a', 'NAME_INVALID'],
    ['a user of an operator', 'cpns://td/operator/root?user=a', 'NAME_INVALID'],
    ['a user of nobody', '?user=a', 'FIELD_MISSING'],
    ['a whole name as the user', `${E}?user=${E}`, 'NAME_INVALID'],
  ])('%s: %j', (_what, text, reason) => {
    expect(reasonOf(() => identity.parseSubject(text))).toBe(reason);
  });

  it('no user rides on a name that is used in a formula', () => {
    for (const parse of [identity.parseEntityUri, identity.parseIdentityUri])
      expect(reasonOf(() => parse(`${E}?user=alice`))).toBe('NAME_INVALID');
    expect(reasonOf(() => identity.formatSubject(`${E}?user=alice`, 'bob'))).toBe('NAME_INVALID');
    expect(reasonOf(() => identity.formatSubject(`${E}?user=alice`, ''))).toBe('NAME_INVALID');
    expect(reasonOf(() => identity.formatSubject('cpns://td/service/kmc', ''))).toBe('NAME_INVALID');
  });
});

describe('names made from parts', () => {
  const characters = (alphabet: string) => fc.constantFrom(...alphabet);
  const lower = 'abcdefghijklmnopqrstuvwxyz0123456789-';
  const any = `${lower}ABCDEFGHIJKLMNOPQRSTUVWXYZ._`;
  const label = (maxLength: number) => fc.string({ unit: characters(lower), minLength: 1, maxLength });
  const id = fc.string({ unit: characters(any), minLength: 1, maxLength: 64 }).filter((text) => !text.startsWith('.'));
  const parts = fc.record({
    pnId: label(63),
    trustDomain: fc.array(label(46), { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.')),
    entityType: fc.constantFrom(...identity.ENTITY_TYPES),
    entityId: id,
  });

  itHolds(
    'are read back as they were written, with and without a user',
    [parts, fc.option(id, { nil: '' })],
    (given, user) => {
      const uri = identity.formatEntityUri(given);
      const text = identity.formatSubject(uri, user);
      const { name, user: readUser } = identity.parseSubject(text);
      expect(name).toEqual({ kind: 'entity', uri, pn: `${given.pnId}.${given.trustDomain}`, ...given });
      expect(readUser).toBe(user);
      expect(text.length).toBeLessThanOrEqual(identity.SUBJECT_MAX_LENGTH);
    },
  );

  itHolds(
    'one changed character gives another name or none, never the same',
    [parts, fc.nat(), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })],
    (given, at, other) => {
      const uri = identity.formatEntityUri(given);
      const index = at % uri.length;
      const changed = uri.slice(0, index) + other + uri.slice(index + 1);
      fc.pre(changed !== uri);
      try {
        const name = identity.parseIdentityUri(changed);
        expect(name.uri).toBe(changed);
        if (name.kind === 'entity') expect(identity.formatEntityUri(name)).toBe(changed);
      } catch (error) {
        expect(error).toBeInstanceOf(CpnsError);
      }
    },
  );

  it.each([
    ['a pn-id with a dot, which would move into the trust domain', { pnId: 'a.b' }, 'NAME_INVALID'],
    ['an id with a slash', { entityId: 'a/b' }, 'NAME_INVALID'],
    ['an id with a user', { entityId: 'a?user=b' }, 'NAME_INVALID'],
    ['an empty trust domain', { trustDomain: '' }, 'FIELD_MISSING'],
  ])('%s', (_what, change, expected) => {
    const base = { pnId: 'pn1', trustDomain: 'td', entityType: 'pne', entityId: 'camera' } as const;
    expect(reasonOf(() => identity.formatEntityUri(base))).toBe('accepted');
    expect(reasonOf(() => identity.formatEntityUri({ ...base, ...change }))).toBe(expected);
  });

  it.each([
    ['a service whose trust domain has a path', () => identity.serviceUri('td/service/x', 'y')],
    ['a service whose name has a path', () => identity.serviceUri('td', 'x/y')],
    ['an operator whose name has a user', () => identity.operatorUri('td', 'x?user=y')],
  ])('%s is refused', (_what, run) => {
    expect(reasonOf(run)).toBe('NAME_INVALID');
  });
});

describe('samePn', () => {
  it.each([
    ['two entities of one PN', 'cpns://pn1.td/pne/a', 'cpns://pn1.td/pn-gw/b', true],
    ['two PNs', 'cpns://pn1.td/pne/a', 'cpns://pn2.td/pne/a', false],
    ['one pn-id in two trust domains', 'cpns://pn1.td/pne/a', 'cpns://pn1.other/pne/a', false],
    ['one host name, split alike', 'cpns://a.b.c/pne/a', 'cpns://a.b.c/pne/a', true],
    ['a trust domain below another', 'cpns://a.b.c/pne/a', 'cpns://b.c/pne/a', false],
  ])('%s', (_what, a, b, expected) => {
    expect(identity.samePn(identity.parseEntityUri(a), identity.parseEntityUri(b))).toBe(expected);
  });
});
