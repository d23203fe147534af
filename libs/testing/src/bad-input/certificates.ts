/**
 * Certificates that name what they may not, or are used above what they are for (protocol.md, "Certificates"), made with
 * the keys of a real gateway CA, and of the Server entity CA where no name constraint stands in the way; and the
 * hierarchical trust model (5.3.1.12.5.4): a certificate counts only where the admission names its issuer as assigner.
 */
import {
  createDevelopmentPki,
  createIssuer,
  issueCertificate,
  localSigner,
  newPrivateKey,
  signerFromPkcs8,
  type Issuer,
} from '@cpns/certificate-issuance';
import { newKey, without, type MintRequest } from '@cpns/certificate-issuance/testing';
import { operatorUri, parseEntityUri, systemClock, systemRandom } from '@cpns/core';
import { createPrivateKey } from 'node:crypto';
import { issued, minted, type Credential } from './credentials';
import { flipped, sealCertificateRegistration, type CertificateRegistrationDraft } from './drafts';
import { row } from './row';
import {
  assignCertificate,
  certificateDraft,
  certificateFor,
  certificateRows,
  register,
  TOKEN_AND_SERVER,
  type Altered,
  type KeyRow,
  type RegistrationPort,
} from './stages';
import type { KeyWorld } from './world';

type Minting = Omit<MintRequest, 'key'>;
type AlteredCertificate = Altered<CertificateRegistrationDraft> & { readonly user?: string };

interface WrongNames {
  readonly id: string;
  readonly item: string;
  /** What the certificate of this entity holds instead of one URI. */
  readonly mint: (entity: string) => Minting;
}

const TARGET = { profile: 'target-entity' } as const;
const uri = (value: string) => ({ kind: 'uri', value }) as const;
const dns = (value: string) => ({ kind: 'dns', value }) as const;

/** Reads as a name of pn1 to one parser, and of pn2 to another. */
function tricked(entity: string): string {
  const { pn, trustDomain, entityId } = parseEntityUri(entity);
  return `cpns://${pn}:x@pn2.${trustDomain}/pne/${entityId}`;
}

const named = (id: string, item: string, names: (entity: string) => MintRequest['names']): WrongNames => ({
  id,
  item,
  mint: (entity) => ({ ...TARGET, uri: entity, names: names(entity)! }),
});

/** Used at a registration here, and in TLS. */
export const WRONG_NAMES: readonly WrongNames[] = [
  {
    id: 'certificate of another PN’s entity',
    item: 'a SAN of another PN',
    mint: (entity) => ({ ...TARGET, uri: entity.replace('cpns://pn1.', 'cpns://pn2.') }),
  },
  named('certificate with two URIs', 'two SANs', (entity) => [uri(entity), uri(`${entity}x`)]),
  named('certificate with one URI twice', 'two SANs', (entity) => [uri(entity), uri(entity)]),
  {
    id: 'certificate without a SAN',
    item: 'no SAN',
    mint: (entity) => ({ ...TARGET, uri: entity, extensions: (list) => without(list, 'subjectAlternativeName') }),
  },
  named('certificate with a DNS name alone', 'a DNS SAN', () => [dns('camera.example')]),
  named('certificate with a DNS name beside its URI', 'a DNS SAN', (entity) => [uri(entity), dns('camera.example')]),
  named('certificate with user information before the host', 'a user-info trick', (entity) => [uri(tricked(entity))]),
  named('certificate with a step up in its path', 'a path trick', (entity) => [
    uri(entity.replace('/pne/', '/pne/../pne/')),
  ]),
];

const PN_MISMATCH = 'PERMISSION_DENIED/PN_MISMATCH';
const ROLE = 'PERMISSION_DENIED/CERTIFICATE_ROLE';
const CHAIN = 'UNAUTHENTICATED/CERTIFICATE_CHAIN';
const OTHER_ENTITY = 'PERMISSION_DENIED/TOKEN_OTHER_ENTITY';
const NOT_ASSIGNER = 'PERMISSION_DENIED/ISSUER_NOT_ASSIGNER';
const ABOVE_ROLE = 'a target entity’s certificate above its role';

const spec = (
  id: string,
  item: string,
  expect: string,
  draft: NonNullable<AlteredCertificate['draft']>,
): AlteredCertificate => ({ id, item, expect, draft });

/** The same holder, with another certificate of its issuer and the key that goes with it. */
const instead =
  (
    make: (entity: string, world: KeyWorld) => Promise<Pick<Credential, 'chain' | 'privateKey'>>,
  ): NonNullable<AlteredCertificate['draft']> =>
  async (draft, world) => {
    const { chain, privateKey } = await make(draft.entity, world);
    return { ...draft, chain, privateKey };
  };

/** A sound certificate with something changed in its bytes. */
const changedLeaf = (change: (der: Buffer) => Buffer) => (draft: CertificateRegistrationDraft) => ({
  ...draft,
  chain: draft.chain.map((der, index) => (index === 0 ? change(der) : der)),
});

/** Signed with the key of a target entity, as if that were an authority's. */
async function underEntity(
  draft: CertificateRegistrationDraft,
  { probe }: KeyWorld,
): Promise<CertificateRegistrationDraft> {
  const authority: Issuer = { ...probe.ca, signer: localSigner(draft.privateKey) };
  const { chain, privateKey } = await minted(authority, { ...TARGET, uri: draft.entity });
  return { ...draft, chain: [chain[0]!, draft.chain[0]!, ...draft.chain.slice(-2)], privateKey };
}

/** Of a gateway CA that is sound in all and that the Server did not give. */
async function byUnknownCa(entity: string, { probe, authorities }: KeyWorld): Promise<Credential> {
  const signer = signerFromPkcs8(newPrivateKey());
  const request = { profile: 'gateway-ca', uri: probe.uri, key: signer.publicKey } as const;
  const { chain } = await issueCertificate(authorities.issuingCa, request, {
    clock: systemClock,
    random: systemRandom,
  });
  return minted(createIssuer(chain, signer), { ...TARGET, uri: entity });
}

const ALTERED: readonly AlteredCertificate[] = [
  ...WRONG_NAMES.map(({ id, item, mint }) =>
    spec(
      `${id}, by a gateway CA`,
      item,
      item === 'a SAN of another PN' ? PN_MISMATCH : 'INVALID_ARGUMENT/CERTIFICATE_NAME',
      instead((entity, { probe }) => minted(probe.ca, mint(entity))),
    ),
  ),
  // chains whose parts are all sound, and whose leaf or authority is none for this
  spec(
    'gateway CA’s certificate as that of an entity',
    'a gateway CA’s certificate above its role',
    ROLE,
    (draft, { probe }) => ({ ...draft, chain: probe.ca.chain }),
  ),
  spec('acting PN GW’s certificate as that of an entity', ABOVE_ROLE, ROLE, (draft, { probe }) => ({
    ...draft,
    chain: probe.chain,
    privateKey: createPrivateKey(String(probe.tls.key)),
  })),
  spec(
    'operator’s name in an entity’s certificate',
    ABOVE_ROLE,
    ROLE,
    instead((_entity, { authorities, trustDomain }) =>
      minted(authorities.entityCa, { ...TARGET, uri: operatorUri(trustDomain, 'mallory') }),
    ),
  ),
  spec('target entity’s certificate in the place of an authority’s', ABOVE_ROLE, CHAIN, underEntity),
  spec(
    'certificate with a byte after it',
    'a CSR with trailing bytes',
    'INVALID_ARGUMENT/CERTIFICATE_MALFORMED',
    changedLeaf((der) => Buffer.concat([der, Buffer.of(0)])),
  ),
  spec('certificate with a broken signature', 'a CSR with a broken signature', CHAIN, changedLeaf(flipped)),
  // a sound certificate of another holder
  spec(
    'certificate of another entity',
    'a token for another entity',
    OTHER_ENTITY,
    instead((entity, { probe }) => minted(probe.ca, { ...TARGET, uri: `${entity}x` })),
  ),
  {
    user: 'alice',
    ...spec(
      'certificate of another user of the entity',
      'a token for another user',
      OTHER_ENTITY,
      instead((entity, { probe }) => minted(probe.ca, { ...TARGET, uri: `${entity}?user=bob` })),
    ),
  },
  spec(
    'signature by another key than the certified one',
    'a token with a swapped key',
    'UNAUTHENTICATED/SIGNATURE_INVALID',
    (draft) => ({ ...draft, privateKey: newKey() }),
  ),
  // issued by who is no assigner of this entity
  spec(
    'certificate by a gateway CA of another PN',
    'a SAN of another PN',
    PN_MISMATCH,
    instead((entity, { other }) => minted(other.ca, { ...TARGET, uri: entity })),
  ),
  spec(
    'certificate of the Server for an entity that a gateway assigns',
    'a token for the other assigner',
    NOT_ASSIGNER,
    instead((entity, { authorities }) => minted(authorities.entityCa, { ...TARGET, uri: entity })),
  ),
  spec(
    'certificate by a gateway CA that the Server did not give',
    'a token for the other assigner',
    'UNAUTHENTICATED/CERTIFICATE_REVOKED',
    instead(byUnknownCa),
  ),
  spec(
    'certificate under another root',
    'a caller of the wrong trust domain',
    CHAIN,
    instead(async (entity, { trustDomain }) => {
      const { serverEntityCa } = await createDevelopmentPki({ trustDomain });
      return issued(serverEntityCa.issuer, { ...TARGET, uri: entity });
    }),
  ),
  spec(
    'certificate that has expired',
    'a token that is expired',
    'UNAUTHENTICATED/CERTIFICATE_EXPIRED',
    instead((entity, world) => minted(world.probe.ca, { ...TARGET, uri: entity, notAfter: world.now() - 2_000 })),
  ),
];

/** Two authorities vouch for one entity, and the admission names the other one. */
const notAssigner = (assigner: 'server' | 'gateway', at: RegistrationPort): KeyRow =>
  row({
    id: `certificate by a gateway CA for an entity that ${assigner === 'server' ? 'the Server' : 'another gateway'} assigns`,
    item: 'a gateway CA’s certificate for an entity that the Server assigns',
    at,
    expect: NOT_ASSIGNER,
    arrange: async (world: KeyWorld) => {
      const rightful = async () => {
        const token = await world.admit({ form: 'key-pair', assigner });
        const registration = sealCertificateRegistration(
          certificateDraft(token, await assignCertificate(world, token)),
        );
        return { token, registration };
      };
      const { token, registration } = await rightful();
      const usurped = sealCertificateRegistration(certificateDraft(token, await certificateFor(token, world.probe.ca)));
      return { world, other: (await rightful()).registration, own: registration, usurped };
    },
    // for another entity: this one's own registration comes last, and is good still
    good: ({ world, other }) => register(world, at, other),
    bad: ({ world, usurped }) => register(world, at, usurped),
    after: ({ world, own }) => register(world, at, own),
  });

export const CERTIFICATE_ROWS: readonly KeyRow[] = [
  ...certificateRows(ALTERED),
  ...TOKEN_AND_SERVER.map((at) => notAssigner('server', at)),
  notAssigner('gateway', 'gateway token'),
];
