/** The profiles are frozen: what OpenSSL prints of a certificate of each is written out here. */
import { issueCertificate } from '../issue/issue-certificate';
import type { IssueRequest } from '../issue/request';
import { CAMERA, eachTestWorld, GATEWAY, OPERATOR, opensslOk, PN1, SERVICE, world } from '../testing';
import { parseCertificate } from '../certificate/parse-certificate';
import { PROFILE_IDS, type ProfileId } from './profile';
import { PROFILES } from './profiles';

eachTestWorld();

const AUTHORITY_USAGE = ['X509v3 Key Usage: critical', 'Certificate Sign, CRL Sign'];
const LEAF = ['X509v3 Basic Constraints: critical', 'CA:FALSE', 'X509v3 Key Usage: critical', 'Digital Signature'];
const CLIENT = ['X509v3 Extended Key Usage:', 'TLS Web Client Authentication'];
const BOTH = ['X509v3 Extended Key Usage:', 'TLS Web Server Authentication, TLS Web Client Authentication'];
const KEY_IDS = ['X509v3 Subject Key Identifier:', '<id>', 'X509v3 Authority Key Identifier:', '<id>'];
const authority = (pathLength: number) => [
  'X509v3 Basic Constraints: critical',
  `CA:TRUE, pathlen:${pathLength}`,
  ...AUTHORITY_USAGE,
];
const san = (names: string) => ['X509v3 Subject Alternative Name: critical', names];

const EXTENSIONS: Readonly<Record<ProfileId, readonly string[]>> = {
  'root-ca': [...authority(2), 'X509v3 Subject Key Identifier:', '<id>'],
  'issuing-ca': [...authority(1), ...KEY_IDS],
  'server-entity-ca': [...authority(0), ...CLIENT, ...KEY_IDS],
  'gateway-ca': [
    ...authority(0),
    ...CLIENT,
    'X509v3 Subject Alternative Name:',
    `URI:${GATEWAY}`,
    'X509v3 Name Constraints: critical',
    'Permitted:',
    `URI:${PN1}`,
    'email:invalid',
    'Excluded:',
    'DNS:',
    'IP:0.0.0.0/0.0.0.0',
    'IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0',
    'email:',
    'email:invalid',
    ...KEY_IDS,
  ],
  service: [
    ...LEAF,
    ...BOTH,
    ...san(`URI:${SERVICE}, DNS:kmc.example.org, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1`),
    ...KEY_IDS,
  ],
  operator: [...LEAF, ...BOTH, ...san(`URI:${OPERATOR}`), ...KEY_IDS],
  'gateway-identity': [...LEAF, ...BOTH, ...san(`URI:${GATEWAY}, DNS:gw.local`), ...KEY_IDS],
  'target-entity': [...LEAF, ...CLIENT, ...san(`URI:${CAMERA}?user=alice`), ...KEY_IDS],
};

const REQUESTS: Readonly<Partial<Record<ProfileId, Partial<IssueRequest>>>> = {
  'gateway-ca': { uri: GATEWAY },
  service: { uri: SERVICE, dnsNames: ['kmc.example.org', 'localhost'], ipAddresses: ['127.0.0.1', '::1'] },
  operator: { uri: OPERATOR },
  'gateway-identity': { uri: GATEWAY, dnsNames: ['gw.local'] },
  'target-entity': { uri: `${CAMERA}?user=alice` },
};

async function certificateOf(profile: ProfileId): Promise<Buffer> {
  const { pki, gatewayCa, context, leafKey: key } = world;
  if (profile === 'root-ca') return world.root;
  if (profile === 'issuing-ca') return pki.issuingCa.chain[0]!;
  const issuer = profile === 'target-entity' ? gatewayCa : pki.issuingCa.issuer;
  return (await issueCertificate(issuer, { profile, key, ...REQUESTS[profile] } as IssueRequest, context)).der;
}

describe.each(PROFILE_IDS)('%s', (profile) => {
  it('has these extensions, in this order', async () => {
    const text = opensslOk(
      ['x509', '-inform', 'DER', '-noout', '-text', '-certopt', 'ext_parse'],
      await certificateOf(profile),
    ).toString();
    const [, after = ''] = text.split('X509v3 extensions:\n');
    const [list = ''] = after.split('    Signature Algorithm:');
    const lines = list
      .split('\n')
      .map((line) => line.trim().replace(/^(?:keyid:)?(?:[0-9A-F]{2}:){19}[0-9A-F]{2}$/, '<id>'))
      .filter((line) => line !== '');
    expect(lines).toEqual(EXTENSIONS[profile]);
  });

  it('has a positive serial number of 20 bytes, and a name where it is an authority', async () => {
    const certificate = parseCertificate(await certificateOf(profile));
    expect(certificate.serial).toHaveLength(20);
    expect(certificate.serial[0]! & 0xc0).toBe(0x40);
    expect(certificate.subjectIsEmpty).toBe(PROFILES[profile].authority === undefined);
    const subject = opensslOk(['x509', '-inform', 'DER', '-noout', '-subject'], certificate.der).toString().trim();
    const keyId = certificate.extensions.subjectKeyIdentifier!.value.toString('hex');
    expect(subject).toBe(
      certificate.subjectIsEmpty ? 'subject=' : `subject=CN = CPNS ${PROFILES[profile].title} ${keyId}`,
    );
  });
});

it('every profile says who issues it, and the authorities are those', () => {
  const issues = Object.fromEntries(
    PROFILE_IDS.map((id) => [id, PROFILE_IDS.filter((other) => PROFILES[other].issuedBy.includes(id))]),
  );
  expect(issues).toEqual({
    'root-ca': ['root-ca', 'issuing-ca'],
    'issuing-ca': ['server-entity-ca', 'gateway-ca', 'service', 'operator', 'gateway-identity'],
    'server-entity-ca': ['target-entity'],
    'gateway-ca': ['target-entity'],
    service: [],
    operator: [],
    'gateway-identity': [],
    'target-entity': [],
  });
  expect(PROFILE_IDS.filter((id) => issues[id]!.length > 0)).toEqual(
    PROFILE_IDS.filter((id) => PROFILES[id].authority !== undefined),
  );
});

it('only an acting PN GW, a service and an operator have a role of their own', () => {
  const roles = Object.fromEntries(PROFILE_IDS.map((id) => [id, PROFILES[id].role]));
  expect(roles).toEqual({
    service: 'service',
    operator: 'operator',
    'gateway-identity': 'pn-gw',
    'target-entity': 'target-entity',
  });
});
