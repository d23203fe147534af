/** Every rule for a leaf: the certificate is accepted as it should be, and refused once it is altered in one place. */
import { duration } from '@cpns/core';
import { reasonOf } from '@cpns/core/testing';
import { boolean, integer, oid, octets, sequence, utf8, type Asn1 } from '../der/asn1';
import { commonName, emptyName } from '../der/distinguished-name';
import { OID } from '../der/oids';
import { encodeTime } from '../der/time';
import { EXTENSIONS } from '../extensions';
import { extensionNode } from '../extensions/extension';
import { personalNetworkOnly } from '../extensions/name-constraints';
import {
  CAMERA,
  createTestWorld,
  extensions,
  field,
  GATEWAY,
  mintChain,
  names,
  OPERATOR,
  OTHER_CAMERA,
  PN1,
  PN2,
  replaced,
  SERVICE,
  uri,
  without,
  type Alteration,
  type Authority,
  type TestWorld,
} from '../testing';
import { verifyChain } from './verify-chain';

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});

const verify = (chain: readonly Uint8Array[], now = world.clock.now()) => verifyChain({ chain, root: world.root, now });
const verdict = (chain: readonly Uint8Array[], now?: number) => reasonOf(() => verify(chain, now));

const leafOf = (authority: Authority, edit: Alteration = {}) => mintChain(world, authority, edit);

const SERVER_AUTH = (list: Asn1[]) => replaced(list, 'extendedKeyUsage', ['serverAuth', 'clientAuth'], false);
const DAY = duration(1, 'day');

describe('a leaf that an authority signed against the rules', () => {
  const CASES: [string, string, Authority, Alteration][] = [
    ['no SAN', 'CERTIFICATE_NAME', 'gateway', extensions((list) => without(list, 'subjectAlternativeName'))],
    ['two URIs', 'CERTIFICATE_NAME', 'gateway', names(uri(CAMERA), uri(CAMERA))],
    ['a DNS name alone', 'CERTIFICATE_NAME', 'server', names({ kind: 'dns', value: PN1 })],
    ['a DNS name besides', 'CERTIFICATE_NAME', 'server', names(uri(CAMERA), { kind: 'dns', value: PN1 })],
    ['an address besides', 'CERTIFICATE_NAME', 'server', names(uri(CAMERA), { kind: 'ip', value: '10.0.0.1' })],
    ['a mail name besides', 'CERTIFICATE_NAME', 'server', names(uri(CAMERA), { kind: 'mail', value: 'a@b.c' })],
    ['a user-info trick', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}:x@${PN2}/pne/camera`))],
    ['a path trick', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}/pne/../pn-gw/gw`))],
    ['an encoded path', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}/pne/%2e%2e`))],
    ['a port', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}:443/pne/camera`))],
    ['another scheme', 'CERTIFICATE_NAME', 'gateway', names(uri(`spiffe://${PN1}/pne/camera`))],
    ['an empty user', 'CERTIFICATE_NAME', 'gateway', names(uri(`${CAMERA}?user=`))],
    ['an entity-id of 65 letters', 'CERTIFICATE_NAME', 'gateway', names(uri(`cpns://${PN1}/pne/${'a'.repeat(65)}`))],
    ['another PN', 'PN_MISMATCH', 'gateway', names(uri(OTHER_CAMERA))],
    ['a PN below its own', 'PN_MISMATCH', 'gateway', names(uri(`cpns://x.${PN1}/pne/camera`))],
    ['a service, by an entity CA', 'CERTIFICATE_ROLE', 'server', names(uri(SERVICE))],
    ['an operator, by an entity CA', 'CERTIFICATE_ROLE', 'gateway', names(uri(OPERATOR))],
    [
      'a service within its PN, by a gateway CA',
      'CERTIFICATE_ROLE',
      'gateway',
      names(uri(`cpns://${PN1}/service/kmc`)),
    ],
    ['a PNE, by the issuing CA', 'CERTIFICATE_ROLE', 'issuing', { profile: 'gateway-identity', ...names(uri(CAMERA)) }],
    [
      'a gateway with a user',
      'CERTIFICATE_NAME',
      'issuing',
      { profile: 'gateway-identity', ...names(uri(`${GATEWAY}?user=a`)) },
    ],
    [
      'an operator with a DNS name',
      'CERTIFICATE_NAME',
      'issuing',
      { profile: 'operator', ...names(uri(OPERATOR), { kind: 'dns', value: 'x.y' }) },
    ],
    [
      'a service with a mail name',
      'CERTIFICATE_NAME',
      'issuing',
      { profile: 'service', ...names(uri(SERVICE), { kind: 'mail', value: 'a@b.c' }) },
    ],
    [
      'a service with an unreadable name besides',
      'CERTIFICATE_MALFORMED',
      'issuing',
      { profile: 'service', ...names(uri(SERVICE), { kind: 'dns', value: 'x\0.y' }) },
    ],
    [
      'a service for clients alone',
      'CERTIFICATE_ROLE',
      'issuing',
      { profile: 'target-entity', ...names(uri(SERVICE)) },
    ],
    ['an entity as TLS server', 'CERTIFICATE_ROLE', 'server', extensions(SERVER_AUTH)],
    ['no extended key usage', 'CERTIFICATE_ROLE', 'server', extensions((list) => without(list, 'extendedKeyUsage'))],
    [
      'an authority of its own',
      'CERTIFICATE_ROLE',
      'gateway',
      extensions((list) => replaced(list, 'basicConstraints', { ca: true }, true)),
    ],
    ['no basic constraints', 'CERTIFICATE_ROLE', 'server', extensions((list) => without(list, 'basicConstraints'))],
    [
      'key usage for signing certificates',
      'CERTIFICATE_ROLE',
      'server',
      extensions((list) => replaced(list, 'keyUsage', ['digitalSignature', 'keyCertSign'], true)),
    ],
    ['no key usage', 'CERTIFICATE_ROLE', 'server', extensions((list) => without(list, 'keyUsage'))],
    [
      'key usage not critical',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => replaced(list, 'keyUsage', ['digitalSignature'], false)),
    ],
    [
      'a SAN not critical, and no subject',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => replaced(list, 'subjectAlternativeName', [uri(CAMERA)], false)),
    ],
    [
      'extended key usage critical',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => replaced(list, 'extendedKeyUsage', ['clientAuth'], true)),
    ],
    [
      'name constraints',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => [...list, extensionNode(EXTENSIONS.nameConstraints, personalNetworkOnly(PN1), true)]),
    ],
    [
      'an extension of no profile',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => [...list, sequence(oid(OID.crlNumber), octets(Buffer.from([2, 1, 1])))]),
    ],
    [
      'no subject key identifier',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => without(list, 'subjectKeyIdentifier')),
    ],
    [
      'no authority key identifier',
      'CERTIFICATE_MALFORMED',
      'server',
      extensions((list) => without(list, 'authorityKeyIdentifier')),
    ],
    [
      'another authority key identifier',
      'CERTIFICATE_CHAIN',
      'server',
      extensions((list) => replaced(list, 'authorityKeyIdentifier', Buffer.alloc(20), false)),
    ],
    ['another issuer name', 'CERTIFICATE_CHAIN', 'server', field(3, () => commonName('somebody'))],
    ['an empty issuer name', 'CERTIFICATE_CHAIN', 'server', field(3, () => emptyName())],
    ['version 1', 'CERTIFICATE_MALFORMED', 'server', { fields: (list) => list.splice(0, 1) }],
    ['serial number 0', 'CERTIFICATE_MALFORMED', 'server', field(1, () => integer(Buffer.from([0])))],
    ['a serial number of 21 bytes', 'CERTIFICATE_MALFORMED', 'server', field(1, () => integer(Buffer.alloc(21, 1)))],
    ['another algorithm inside', 'CERTIFICATE_MALFORMED', 'server', field(2, () => sequence(oid(OID.ecdsaWithSha384)))],
    ['a subject that is no name', 'CERTIFICATE_MALFORMED', 'server', field(5, () => utf8('x'))],
    ['times that are none', 'CERTIFICATE_MALFORMED', 'server', field(4, () => sequence(boolean(true), boolean(true)))],
    [
      'a longer life than its issuer’s',
      'CERTIFICATE_CHAIN',
      'gateway',
      field(4, () => sequence(encodeTime(world.clock.now()), encodeTime(world.gatewayCa.certificate.notAfter + 1000))),
    ],
    [
      'a start in the future',
      'CERTIFICATE_EXPIRED',
      'server',
      field(4, () => sequence(encodeTime(world.clock.now() + 1000), encodeTime(world.clock.now() + DAY))),
    ],
    [
      'an end in the past',
      'CERTIFICATE_EXPIRED',
      'server',
      field(4, () => sequence(encodeTime(world.clock.now() - DAY), encodeTime(world.clock.now() - 1000))),
    ],
  ];

  it.each(CASES)('%s: %s', async (_what, reason, authority, edit) => {
    expect(verdict(await leafOf(authority, leafUnaltered(authority, edit)))).toBe('accepted');
    expect(verdict(await leafOf(authority, edit))).toBe(reason);
  });

  /** What stands for the certificate before its alteration: the profile's own name, if it is not an entity's. */
  function leafUnaltered(authority: Authority, { profile }: Alteration): Alteration {
    if (authority !== 'issuing') return {};
    if (profile === 'gateway-identity') return { profile, uri: GATEWAY };
    if (profile === 'operator') return { profile, uri: OPERATOR };
    return { profile: 'service', uri: SERVICE };
  }

  it('may carry a CN, which is ignored', async () => {
    const chain = await leafOf(
      'gateway',
      field(5, () => commonName(OTHER_CAMERA)),
    );
    expect(verify(chain).subject.name.uri).toBe(CAMERA);
  });
});
