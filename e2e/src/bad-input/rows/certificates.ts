/**
 * Certificates that name what they may not, or are used above what they are for (protocol.md, "Certificates"): made with
 * the keys of a real gateway CA, and of the Server entity CA where no name constraint stands in the way.
 */
import { localSigner, type Issuer } from '@cpns/certificate-issuance';
import { newKey, without, type MintRequest } from '@cpns/certificate-issuance/testing';
import { operatorUri, parseEntityUri } from '@cpns/core';
import { createPrivateKey } from 'node:crypto';
import { minted, type Credential } from '../../support/credentials';
import { flipped, type CertificateRegistrationDraft } from '../../support/drafts';
import type { Expectation, Item, Row } from '../row';
import type { World } from '../world';
import { certificateRegistrationRows, instead, type AlteredCertificate } from './registration-stage';

type Minting = Omit<MintRequest, 'key'>;

interface WrongNames {
  readonly id: string;
  readonly item: Item;
  /** What the certificate of this entity holds instead of one URI. */
  readonly mint: (entity: string) => Minting;
  readonly reason: 'PN_MISMATCH' | 'CERTIFICATE_NAME' | 'CERTIFICATE_MALFORMED';
}

const TARGET = { profile: 'target-entity' } as const;
const uri = (value: string) => ({ kind: 'uri', value }) as const;
const dns = (value: string) => ({ kind: 'dns', value }) as const;

/** Used at a registration here, and in TLS by transport.ts. */
export const WRONG_NAMES: readonly WrongNames[] = [
  {
    id: 'certificate of another PN’s entity',
    item: 'a SAN of another PN',
    mint: (entity) => ({ ...TARGET, uri: entity.replace('cpns://pn1.', 'cpns://pn2.') }),
    reason: 'PN_MISMATCH',
  },
  {
    id: 'certificate with two URIs',
    item: 'two SANs',
    mint: (entity) => ({ ...TARGET, uri: entity, names: [uri(entity), uri(`${entity}x`)] }),
    reason: 'CERTIFICATE_NAME',
  },
  {
    id: 'certificate with one URI twice',
    item: 'two SANs',
    mint: (entity) => ({ ...TARGET, uri: entity, names: [uri(entity), uri(entity)] }),
    reason: 'CERTIFICATE_NAME',
  },
  {
    id: 'certificate without a SAN',
    item: 'no SAN',
    mint: (entity) => ({ ...TARGET, uri: entity, extensions: (list) => without(list, 'subjectAlternativeName') }),
    reason: 'CERTIFICATE_NAME',
  },
  {
    id: 'certificate with a DNS name alone',
    item: 'a DNS SAN',
    mint: (entity) => ({ ...TARGET, uri: entity, names: [dns('camera.example')] }),
    reason: 'CERTIFICATE_NAME',
  },
  {
    id: 'certificate with a DNS name beside its URI',
    item: 'a DNS SAN',
    mint: (entity) => ({ ...TARGET, uri: entity, names: [uri(entity), dns('camera.example')] }),
    reason: 'CERTIFICATE_NAME',
  },
  {
    id: 'certificate with user information before the host',
    item: 'a user-info trick',
    mint: (entity) => ({ ...TARGET, uri: entity, names: [uri(tricked(entity))] }),
    reason: 'CERTIFICATE_NAME',
  },
  {
    id: 'certificate with a step up in its path',
    item: 'a path trick',
    mint: (entity) => ({ ...TARGET, uri: entity, names: [uri(entity.replace('/pne/', '/pne/../pne/'))] }),
    reason: 'CERTIFICATE_NAME',
  },
];

/** Reads as a name of pn1 to one parser, and of pn2 to another. */
function tricked(entity: string): string {
  const { pn, trustDomain, entityId } = parseEntityUri(entity);
  return `cpns://${pn}:x@pn2.${trustDomain}/pne/${entityId}`;
}

const CODES = {
  PN_MISMATCH: 'PERMISSION_DENIED',
  CERTIFICATE_NAME: 'INVALID_ARGUMENT',
  CERTIFICATE_MALFORMED: 'INVALID_ARGUMENT',
} as const;

const atRegistration: AlteredCertificate[] = WRONG_NAMES.map(({ id, item, mint, reason }) => ({
  id: `${id}, by a gateway CA`,
  item,
  clause: 'protocol, Certificates',
  draft: async (draft, world) => instead(draft, await minted(world.probe.ca, mint(draft.entity))),
  expect: { code: CODES[reason], reason },
}));

const denied = (reason: Expectation['reason']): Expectation => ({ code: 'PERMISSION_DENIED', reason });
const unknown = (reason: Expectation['reason']): Expectation => ({ code: 'UNAUTHENTICATED', reason });

/** Chains whose parts are all sound, and whose leaf or authority is none for this. */
const aboveRole: AlteredCertificate[] = [
  {
    id: 'gateway CA’s certificate as that of an entity',
    item: 'a gateway CA’s certificate above its role',
    clause: 'protocol, Certificates',
    draft: (draft, { probe }) => ({ ...draft, chain: probe.ca.chain }),
    expect: denied('CERTIFICATE_ROLE'),
  },
  {
    id: 'acting PN GW’s certificate as that of an entity',
    item: 'a target entity’s certificate above its role',
    clause: 'protocol, Certificates',
    draft: (draft, { probe }) => ({
      ...draft,
      chain: probe.chain,
      privateKey: createPrivateKey(String(probe.tls.key)),
    }),
    expect: denied('CERTIFICATE_ROLE'),
  },
  {
    id: 'operator’s name in an entity’s certificate',
    item: 'a target entity’s certificate above its role',
    clause: 'protocol, Certificates',
    draft: async (draft, world) => instead(draft, await asOperator(world)),
    expect: denied('CERTIFICATE_ROLE'),
  },
  {
    id: 'target entity’s certificate in the place of an authority’s',
    item: 'a target entity’s certificate above its role',
    clause: 'protocol, Certificates',
    draft: async (draft, { probe }) => {
      const authority: Issuer = { ...probe.ca, signer: localSigner(draft.privateKey) };
      const { chain, privateKey } = await minted(authority, { ...TARGET, uri: draft.entity });
      const [own] = draft.chain;
      const [below] = chain;
      if (own === undefined || below === undefined) throw new Error('a chain has a leaf');
      return { ...draft, chain: [below, own, ...draft.chain.slice(-2)], privateKey };
    },
    expect: unknown('CERTIFICATE_CHAIN'),
  },
];

const asOperator = ({ authorities, deployment }: World): Promise<Credential> =>
  minted(authorities.entityCa, { ...TARGET, uri: operatorUri(deployment.trustDomain, 'mallory') });

/** A sound certificate with something changed in its bytes. */
const changedLeaf = (change: (der: Buffer) => Buffer) => (draft: CertificateRegistrationDraft) => ({
  ...draft,
  chain: draft.chain.map((der, index) => (index === 0 ? change(der) : der)),
});
const changedBytes: AlteredCertificate[] = [
  {
    id: 'certificate with a byte after it',
    item: 'a CSR with trailing bytes',
    clause: 'X.690, 8.1',
    draft: changedLeaf((der) => Buffer.concat([der, Buffer.from([0])])),
    expect: { code: 'INVALID_ARGUMENT', reason: 'CERTIFICATE_MALFORMED' },
  },
  {
    id: 'certificate with a broken signature',
    item: 'a CSR with a broken signature',
    clause: 'RFC 5280, 6.1.3',
    draft: changedLeaf(flipped),
    expect: unknown('CERTIFICATE_CHAIN'),
  },
];

/** A sound certificate that is somebody else's. */
const otherHolder: AlteredCertificate[] = [
  {
    id: 'certificate of another entity',
    item: 'a token for another entity',
    clause: 'EUK-ASSOC',
    draft: async (draft, world) => instead(draft, await minted(world.probe.ca, { ...TARGET, uri: world.entity() })),
    expect: denied('TOKEN_OTHER_ENTITY'),
  },
  {
    id: 'certificate of another user of the entity',
    item: 'a token for another user',
    clause: 'EUK-ASSOC',
    user: 'alice',
    draft: async (draft, world) =>
      instead(draft, await minted(world.probe.ca, { ...TARGET, uri: `${draft.entity}?user=bob` })),
    expect: denied('TOKEN_OTHER_ENTITY'),
  },
  {
    id: 'signature by another key than the certified one',
    item: 'a token with a swapped key',
    clause: 'protocol, Registration',
    draft: (draft) => ({ ...draft, privateKey: newKey() }),
    expect: unknown('SIGNATURE_INVALID'),
  },
];

export const CERTIFICATE_ROWS: readonly Row[] = certificateRegistrationRows([
  ...atRegistration,
  ...aboveRole,
  ...changedBytes,
  ...otherHolder,
]);
