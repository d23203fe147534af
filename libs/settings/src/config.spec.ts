import { failureOf } from '@cpns/core/testing';
import fc from 'fast-check';
import { z } from 'zod';
import { loadConfig, settings, variableOf } from '.';

const SETTINGS = {
  listen: settings.listen().default('127.0.0.1:7400'),
  trustDomain: settings.trustDomain(),
  keyLifetime: settings.duration().optional(),
};

const problemOf = (env: Record<string, string>): string => {
  const failure = failureOf(() => loadConfig(SETTINGS, env));
  expect([undefined, 'CONFIGURATION_INVALID']).toContain(failure?.reason);
  return failure?.message ?? 'accepted';
};

test('what is given, what is left to its default, and what is left out', () => {
  const env = { CPNS_TRUST_DOMAIN: 'td.example', CPNS_KEY_LIFETIME: '', PATH: '/bin', OTEL_SERVICE_NAME: 'x' };
  const config = loadConfig(SETTINGS, env);
  expect(config).toEqual({ listen: '127.0.0.1:7400', trustDomain: 'td.example' });
});

const NOT_SET = 'CPNS_TRUST_DOMAIN is not set; it must be a trust domain: lower-case DNS labels';
test.each([
  ['missing', {}, NOT_SET],
  ['empty', { CPNS_TRUST_DOMAIN: '' }, NOT_SET],
  ['wrong', { CPNS_TRUST_DOMAIN: 'TD' }, 'CPNS_TRUST_DOMAIN must be a trust domain: lower-case DNS labels'],
  [
    'misspelt',
    { CPNS_TRUST_DOMAIN: 'td', CPNS_LISTN: 'x' },
    'CPNS_LISTN is not a setting of this service; did you mean CPNS_LISTEN?',
  ],
  ['unknown', { CPNS_TRUST_DOMAIN: 'td', CPNS_COLOUR: 'x' }, 'CPNS_COLOUR is not a setting of this service'],
])('%s: one sentence', (_what, env, expected) => expect(problemOf(env)).toBe(expected));

test('the first of several problems is the one that is told', () => {
  expect(problemOf({ CPNS_LISTEN: 'nowhere', CPNS_TRUST_DOMAIN: 'TD' })).toBe(
    'CPNS_LISTEN must be host:port, with port 0 for a free one',
  );
});

test('no value is ever part of the sentence', () => {
  const names = ['CPNS_LISTEN', 'CPNS_TRUST_DOMAIN', 'CPNS_KEY_LIFETIME', 'CPNS_UNKNOWN'];
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.stringMatching(/^[A-Z0-9+/]{20,40}$/), (name, secret) => {
      const problem = problemOf({ CPNS_TRUST_DOMAIN: 'td', [name]: secret });
      expect(problem).not.toBe('accepted');
      expect(problem).not.toContain(secret);
      expect(problem).not.toContain('\n');
    }),
  );
});

test('a setting’s variable', () => {
  expect(['listen', 'tlsCertFile', 'a'].map(variableOf)).toEqual(['CPNS_LISTEN', 'CPNS_TLS_CERT_FILE', 'CPNS_A']);
});

test('any zod type of a string is a setting', () => {
  const config = loadConfig({ names: z.string().transform((text) => text.split(',')) }, { CPNS_NAMES: 'a,b' });
  expect(config.names).toEqual(['a', 'b']);
});
