/** Every rule for a leaf and for a gateway CA: what is right is accepted, and refused once it is altered in one place. */
import { duration } from '@cpns/core';
import { reasonOf } from '@cpns/core/testing';
import { boolean, integer, oid, octets, sequence, utf8, type Asn1 } from '../der/asn1';
import { commonName, emptyName } from '../der/distinguished-name';
import { OID } from '../der/oids';
import { encodeTime } from '../der/time';
import { EXTENSIONS } from '../extensions';
import { extensionNode } from '../extensions/extension';
import type { GeneralName } from '../extensions/general-name';
import { personalNetworkOnly } from '../extensions/name-constraints';
import type { ProfileId } from '../profiles/profile';
import {
  CAMERA,
  eachTestWorld,
  extensions,
  lacking,
  field,
  GATEWAY,
  mint,
  mintChain,
  names,
  OPERATOR,
  OTHER_CAMERA,
  PN1,
  PN2,
  replacing,
  SERVICE,
  uri,
  type Alteration,
  type Authority,
  world,
} from '../testing';
import { verifyChain } from './verify-chain';

eachTestWorld();

const verify = (chain: readonly Uint8Array[]) => verifyChain({ chain, root: world.root, now: world.clock.now() });
const verdict = (chain: readonly Uint8Array[]) => reasonOf(() => verify(chain));

/** A leaf of the issuing CA, under this profile. */
const leaf = (profile: ProfileId, ...list: GeneralName[]): Alteration => ({ profile, ...names(...list) });
const other = (kind: 'dns' | 'ip' | 'mail', value: string) => ({ kind, value }) as const;
const SERVER_AUTH = replacing('extendedKeyUsage', ['serverAuth', 'clientAuth'], false);
const reasons = [
  'CERTIFICATE_CHAIN',
  'CERTIFICATE_NAME',
  'CERTIFICATE_ROLE',
  'CERTIFICATE_MALFORMED',
  'CERTIFICATE_EXPIRED',
] as const;
const [CHAIN, NAME, ROLE, MALFORMED, EXPIRED] = reasons;
const adding = (node: Asn1) => extensions((list) => [...list, node]);
const DAY = duration(1, 'day');
/** From and to, in milliseconds from now. */
const validity = (from: number, to: number) =>
  field(4, () => sequence(encodeTime(world.clock.now() + from), encodeTime(world.clock.now() + to)));

describe('a leaf that an authority signed against the rules', () => {
  const CASES: [string, string, Authority, Alteration][] = [
    ['no SAN', NAME, 'gateway', lacking('subjectAlternativeName')],
    ['two URIs', NAME, 'gateway', names(uri(CAMERA), uri(CAMERA))],
    ['a DNS name alone', NAME, 'server', names(other('dns', PN1))],
    ['a DNS name besides', NAME, 'server', names(uri(CAMERA), other('dns', PN1))],
    ['an address besides', NAME, 'server', names(uri(CAMERA), other('ip', '10.0.0.1'))],
    ['a mail name besides', NAME, 'server', names(uri(CAMERA), other('mail', 'a@b.c'))],
    ['a user-info trick', NAME, 'gateway', names(uri(`cpns://${PN1}:x@${PN2}/pne/camera`))],
    ['a path trick', NAME, 'gateway', names(uri(`cpns://${PN1}/pne/../pn-gw/gw`))],
    ['an encoded path', NAME, 'gateway', names(uri(`cpns://${PN1}/pne/%2e%2e`))],
    ['a port', NAME, 'gateway', names(uri(`cpns://${PN1}:443/pne/camera`))],
    ['another scheme', NAME, 'gateway', names(uri(`spiffe://${PN1}/pne/camera`))],
    ['an empty user', NAME, 'gateway', names(uri(`${CAMERA}?user=`))],
    ['an entity-id of 65 letters', NAME, 'gateway', names(uri(`cpns://${PN1}/pne/${'a'.repeat(65)}`))],
    ['another PN', 'PN_MISMATCH', 'gateway', names(uri(OTHER_CAMERA))],
    ['a PN below its own', 'PN_MISMATCH', 'gateway', names(uri(`cpns://x.${PN1}/pne/camera`))],
    ['a service, by an entity CA', ROLE, 'server', names(uri(SERVICE))],
    ['an operator, by an entity CA', ROLE, 'gateway', names(uri(OPERATOR))],
    ['a service within its PN, by a gateway CA', ROLE, 'gateway', names(uri(`cpns://${PN1}/service/kmc`))],
    ['a PNE, by the issuing CA', ROLE, 'issuing', leaf('gateway-identity', uri(CAMERA))],
    ['a gateway with a user', NAME, 'issuing', leaf('gateway-identity', uri(`${GATEWAY}?user=a`))],
    ['an operator with a DNS name', NAME, 'issuing', leaf('operator', uri(OPERATOR), other('dns', 'x.y'))],
    ['a service with a mail name', NAME, 'issuing', leaf('service', uri(SERVICE), other('mail', 'a@b.c'))],
    [
      'a service with an unreadable name besides',
      MALFORMED,
      'issuing',
      leaf('service', uri(SERVICE), other('dns', 'x\0.y')),
    ],
    ['a service for clients alone', ROLE, 'issuing', leaf('target-entity', uri(SERVICE))],
    ['an entity as TLS server', ROLE, 'server', SERVER_AUTH],
    ['no extended key usage', ROLE, 'server', lacking('extendedKeyUsage')],
    ['an authority of its own', ROLE, 'gateway', replacing('basicConstraints', { ca: true })],
    ['no basic constraints', ROLE, 'server', lacking('basicConstraints')],
    ['key usage for signing certificates', ROLE, 'server', replacing('keyUsage', ['digitalSignature', 'keyCertSign'])],
    ['no key usage', ROLE, 'server', lacking('keyUsage')],
    ['key usage not critical', MALFORMED, 'server', replacing('keyUsage', ['digitalSignature'], false)],
    [
      'a SAN not critical, and no subject',
      MALFORMED,
      'server',
      replacing('subjectAlternativeName', [uri(CAMERA)], false),
    ],
    ['extended key usage critical', MALFORMED, 'server', replacing('extendedKeyUsage', ['clientAuth'])],
    [
      'name constraints',
      MALFORMED,
      'server',
      adding(extensionNode(EXTENSIONS.nameConstraints, personalNetworkOnly(PN1), true)),
    ],
    [
      'an extension of no profile',
      MALFORMED,
      'server',
      adding(sequence(oid(OID.crlNumber), octets(Buffer.from([2, 1, 1])))),
    ],
    ['no subject key identifier', MALFORMED, 'server', lacking('subjectKeyIdentifier')],
    ['no authority key identifier', MALFORMED, 'server', lacking('authorityKeyIdentifier')],
    ['another authority key identifier', CHAIN, 'server', replacing('authorityKeyIdentifier', Buffer.alloc(20), false)],
    ['another issuer name', CHAIN, 'server', field(3, () => commonName('somebody'))],
    ['an empty issuer name', CHAIN, 'server', field(3, () => emptyName())],
    ['version 1', MALFORMED, 'server', { fields: (list) => list.splice(0, 1) }],
    ['serial number 0', MALFORMED, 'server', field(1, () => integer(Buffer.from([0])))],
    ['a serial number of 21 bytes', MALFORMED, 'server', field(1, () => integer(Buffer.alloc(21, 1)))],
    ['another algorithm inside', MALFORMED, 'server', field(2, () => sequence(oid(OID.ecdsaWithSha384)))],
    ['a subject that is no name', MALFORMED, 'server', field(5, () => utf8('x'))],
    ['times that are none', MALFORMED, 'server', field(4, () => sequence(boolean(true), boolean(true)))],
    [
      'a longer life than its issuer’s',
      CHAIN,
      'gateway',
      field(4, () => sequence(encodeTime(world.clock.now()), encodeTime(world.gatewayCa.certificate.notAfter + 1000))),
    ],
    ['a start in the future', EXPIRED, 'server', validity(1000, DAY)],
    ['an end in the past', EXPIRED, 'server', validity(-DAY, -1000)],
  ];

  it.each(CASES)('%s: %s', async (_what, reason, authority, edit) => {
    expect(verdict(await mintChain(authority, leafUnaltered(authority, edit)))).toBe('accepted');
    expect(verdict(await mintChain(authority, edit))).toBe(reason);
  });

  /** What stands for the certificate before its alteration: the profile's own name, if it is not an entity's. */
  function leafUnaltered(authority: Authority, { profile }: Alteration): Alteration {
    if (authority !== 'issuing') return {};
    if (profile === 'gateway-identity') return { profile, uri: GATEWAY };
    if (profile === 'operator') return { profile, uri: OPERATOR };
    return { profile: 'service', uri: SERVICE };
  }

  it('may carry a CN, which is ignored', async () => {
    const chain = await mintChain(
      'gateway',
      field(5, () => commonName(OTHER_CAMERA)),
    );
    expect(verify(chain).subject.name.uri).toBe(CAMERA);
  });
});

describe('an authority that the one above it signed against the rules', () => {
  const NETWORK = personalNetworkOnly(PN1);
  const CASES: [string, Alteration][] = [
    ['a path length of 1', replacing('basicConstraints', { ca: true, pathLength: 1 })],
    ['no path length', replacing('basicConstraints', { ca: true })],
    ['no authority at all', replacing('basicConstraints', { ca: false })],
    ['no name constraints', lacking('nameConstraints')],
    ['name constraints of another PN', replacing('nameConstraints', personalNetworkOnly(PN2))],
    ['name constraints for everything below', replacing('nameConstraints', personalNetworkOnly(`.${PN1}`))],
    ['name constraints not critical', replacing('nameConstraints', NETWORK, false)],
    ['name constraints that exclude nothing', replacing('nameConstraints', { ...NETWORK, excluded: [] })],
    ['no gateway named', lacking('subjectAlternativeName')],
    ['a PNE named', names(uri(CAMERA))],
    ['servers among its purposes', SERVER_AUTH],
    ['no signing of certificates', replacing('keyUsage', ['cRLSign'])],
    ['no name', field(5, () => emptyName())],
  ];

  it.each(CASES)('a gateway CA with %s', async (_what, edit) => {
    expect(verdict(await chainUnder({}))).toBe('accepted');
    expect(verdict(await chainUnder(edit))).toBe('CERTIFICATE_CHAIN');
  });

  it('a gateway CA that has expired, or is not valid yet', async () => {
    const now = world.clock.now();
    const between = (from: number, to: number) => ({ notBefore: now + from * DAY, notAfter: now + to * DAY });
    const under = async (from: number, to: number) => verdict(await chainUnder(between(from, to), between(-1, 1)));
    expect(await under(-2, 2)).toBe('accepted');
    expect(await under(0.5, 2)).toBe('CERTIFICATE_EXPIRED');
    expect(verdict(await chainUnder(between(-3, -1), between(-3, -2)))).toBe('CERTIFICATE_EXPIRED');
    expect(await under(-2, 0.5)).toBe('CERTIFICATE_CHAIN');
  });

  /** A leaf under a gateway CA that was altered: the leaf itself is right. */
  async function chainUnder(edit: Alteration, leafEdit: Alteration = {}): Promise<readonly Buffer[]> {
    const { gatewayCa, pki } = world;
    const key = gatewayCa.signer.publicKey;
    const { notAfter } = gatewayCa.certificate;
    const authority = await mint(pki.issuingCa.issuer, { profile: 'gateway-ca', uri: GATEWAY, key, notAfter, ...edit });
    const leaf = await mint(gatewayCa, { profile: 'target-entity', uri: CAMERA, key: world.leafKey, ...leafEdit });
    return [leaf, authority, ...pki.issuingCa.chain];
  }
});
