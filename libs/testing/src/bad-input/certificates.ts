/**
 * Certificates that name what they may not, or are used above what they are for (protocol.md, "Certificates"), made with
 * the keys of a real gateway CA, and of the Server entity CA where no name constraint stands in the way; and the
 * hierarchical trust model (5.3.1.12.5.4): a certificate counts only where the admission names its issuer as assigner.
 */
import { createDevelopmentPki, createIssuer, localSigner, type Issuer } from '@cpns/certificate-issuance';
import { newKey, uri, without, type MintRequest } from '@cpns/certificate-issuance/testing';
import { operatorUri, parseEntityUri, systemRandom } from '@cpns/core';
import { generateHpkeKeyPair } from '@cpns/key-derivation';
import { createPrivateKey } from 'node:crypto';
import { certificateRows, freshCertificateDraft, type Altered } from './altered';
import { issued, minted, type Credential } from './credentials';
import { extended, flipped, sealCertificateRegistration, type CertificateRegistrationDraft } from './drafts';
import { row } from './row';
import {
  assignCertificate,
  certificateDraft,
  certificateFor,
  register,
  TOKEN_AND_SERVER,
  type KeyRow,
  type RegistrationPort,
} from './stages';
import type { CastWorld, Token } from './world';

type Draft = CertificateRegistrationDraft;
type Minting = Partial<Omit<MintRequest, 'key' | 'profile'>>;
type WrongName = readonly [id: string, item: string, mint: (entity: string) => Minting];

const TARGET = { profile: 'target-entity' } as const;
const DNS_NAME = { kind: 'dns', value: 'camera.example' } as const;
const OTHER_PN = 'a SAN of another PN';

/** Reads as a name of pn1 to one parser, and of pn2 to another. */
function tricked(entity: string, host = `pn2.${parseEntityUri(entity).trustDomain}`): string {
  const { pn, entityId } = parseEntityUri(entity);
  return `cpns://${pn}:x@${host}/pne/${entityId}`;
}
const unnamed = (entity: string): Minting => ({
  uri: entity,
  extensions: (list) => without(list, 'subjectAlternativeName'),
});

/** What the certificate of this entity holds instead of one URI: used at a registration here, and in TLS. */
export const WRONG_NAMES: readonly WrongName[] = [
  ['certificate of another PN’s entity', OTHER_PN, (e) => ({ uri: e.replace('cpns://pn1.', 'cpns://pn2.') })],
  ['certificate with two URIs', 'two SANs', (e) => ({ names: [uri(e), uri(`${e}x`)] })],
  ['certificate with one URI twice', 'two SANs', (e) => ({ names: [uri(e), uri(e)] })],
  ['certificate without a SAN', 'no SAN', unnamed],
  ['certificate with a DNS name alone', 'a DNS SAN', () => ({ names: [DNS_NAME] })],
  ['certificate with a DNS name beside its URI', 'a DNS SAN', (e) => ({ names: [uri(e), DNS_NAME] })],
  ['certificate with user information before the host', 'a user-info trick', (e) => ({ names: [uri(tricked(e))] })],
  [
    'certificate with a step up in its path',
    'a path trick',
    (e) => ({ names: [uri(e.replace('/pne', '/pne/../pne'))] }),
  ],
];
/**
 * Those that TLS has no quarrel with. Of user information it must be that of the own PN: OpenSSL holds name constraints
 * against what stands before the colon, and from 3.5 on against what stands after the `@`.
 */
export const WRONG_NAMES_IN_TLS = WRONG_NAMES.filter(([, item]) => item !== 'a DNS SAN' && item !== OTHER_PN).map(
  ([id, item, mint]): WrongName =>
    item === 'a user-info trick'
      ? [id, item, (e) => ({ names: [uri(tricked(e, parseEntityUri(e).pn))] })]
      : [id, item, mint],
);
/** Of a target entity, by the gateway CA of the test. */
export const misnamed = ({ probe }: CastWorld, mint: WrongName[2], entity: string): Promise<Credential> =>
  minted(probe.ca, { ...TARGET, uri: entity, ...mint(entity) });

/** The same holder, with another certificate of its issuer and the key that goes with it. */
const instead =
  (make: (entity: string, world: CastWorld) => Promise<Credential>): Altered<Draft>[3] =>
  async ({ entity }, world) => {
    const { chain, privateKey } = await make(entity, world);
    return { chain, privateKey };
  };
/** By an authority that does not ask what it may name. */
const minting = (
  authority: (world: CastWorld) => Issuer,
  mint: (entity: string, world: CastWorld) => Minting = () => ({}),
): Altered<Draft>[3] =>
  instead((entity, world) => minted(authority(world), { ...TARGET, uri: entity, ...mint(entity, world) }));
const ownCa = ({ probe }: CastWorld): Issuer => probe.ca;
const entityCa = ({ authorities }: CastWorld): Issuer => authorities.entityCa;

/** A sound certificate with something changed in its bytes. */
const changedLeaf =
  (change: (der: Buffer) => Buffer): Altered<Draft>[3] =>
  ({ chain: [leaf, ...above] }) => ({ chain: [change(leaf!), ...above] });

/** Signed with the key of a target entity, as if that were an authority's. */
const underEntity: Altered<Draft>[3] = async (own, { probe }) => {
  const authority: Issuer = { ...probe.ca, signer: localSigner(own.privateKey) };
  const { chain, privateKey } = await minted(authority, { ...TARGET, uri: own.entity });
  return { chain: [chain[0]!, own.chain[0]!, ...own.chain.slice(-2)], privateKey };
};

/** Of a gateway CA that is sound in all and that the Server did not give. */
async function byUnknownCa(entity: string, { probe, authorities }: CastWorld): Promise<Credential> {
  const ca = await issued(authorities.issuingCa, { profile: 'gateway-ca', uri: probe.uri });
  return minted(createIssuer(ca.chain, localSigner(ca.privateKey)), { ...TARGET, uri: entity });
}
async function underOtherRoot(entity: string, { trustDomain }: CastWorld): Promise<Credential> {
  const { serverEntityCa } = await createDevelopmentPki({ trustDomain });
  return issued(serverEntityCa.issuer, { ...TARGET, uri: entity });
}
const ofGateway: Altered<Draft>[3] = (_own, { probe: { chain, tls } }) => {
  return { chain, privateKey: createPrivateKey(String(tls.key)) };
};
const ofOperator = minting(entityCa, (_e, { trustDomain }) => ({ uri: operatorUri(trustDomain, 'mallory') }));
const otherKey: Altered<Draft>[3] = () => ({ privateKey: newKey() });
const otherHpkeKey: Altered<Draft>[3] = () => ({ sentHpkeKey: generateHpkeKeyPair(systemRandom).publicKey });
const expired = minting(ownCa, (_e, world) => ({ notAfter: world.now() - 2_000 }));
const ofOther = (suffix: string) => minting(ownCa, (e) => ({ uri: `${e}${suffix}` }));

const ABOVE = 'a target entity’s certificate above its role';
const CA_ABOVE = 'a gateway CA’s certificate above its role';
const ASSIGNER = 'a token for the other assigner';
const ROLE = 'CERTIFICATE_ROLE';
const CHAIN = 'CERTIFICATE_CHAIN';
const OTHER = 'TOKEN_OTHER_ENTITY';
const NOT_ASSIGNER = 'ISSUER_NOT_ASSIGNER';

const ALTERED: readonly Altered<Draft>[] = [
  ...WRONG_NAMES.map(([id, item, mint]): Altered<Draft> => {
    const expect = item === OTHER_PN ? 'PN_MISMATCH' : 'CERTIFICATE_NAME';
    return [`${id}, by a gateway CA`, item, expect, minting(ownCa, mint)];
  }),
  // chains whose parts are all sound, and whose leaf or authority is none for this
  ['gateway CA’s certificate as that of an entity', CA_ABOVE, ROLE, (_own, { probe }) => ({ chain: probe.ca.chain })],
  ['acting PN GW’s certificate as that of an entity', ABOVE, ROLE, ofGateway],
  ['operator’s name in an entity’s certificate', ABOVE, ROLE, ofOperator],
  ['target entity’s certificate in the place of an authority’s', ABOVE, CHAIN, underEntity],
  ['certificate with a byte after it', 'a CSR with trailing bytes', 'CERTIFICATE_MALFORMED', changedLeaf(extended)],
  ['certificate with a broken signature', 'a CSR with a broken signature', CHAIN, changedLeaf(flipped)],
  // a sound certificate of another holder
  ['certificate of another entity', 'a token for another entity', OTHER, ofOther('x')],
  ['certificate of another user of the entity', 'a token for another user', OTHER, ofOther('?user=bob'), 'alice'],
  ['signature by another key than the certified one', 'a token with a swapped key', 'SIGNATURE_INVALID', otherKey],
  ['another HPKE key under the signature', 'a token with a swapped key', 'SIGNATURE_INVALID', otherHpkeKey],
  // issued by what is no assigner of this entity
  ['certificate by a gateway CA of another PN', OTHER_PN, 'PN_MISMATCH', minting(({ other }) => other.ca)],
  ['certificate of the Server for an entity that a gateway assigns', ASSIGNER, NOT_ASSIGNER, minting(entityCa)],
  ['certificate by a gateway CA that the Server did not give', ASSIGNER, 'CERTIFICATE_REVOKED', instead(byUnknownCa)],
  ['certificate under another root', 'a caller of the wrong trust domain', CHAIN, instead(underOtherRoot)],
  ['certificate that has expired', 'a token that is expired', 'CERTIFICATE_EXPIRED', expired],
];

/** Two authorities vouch for one entity, and the admission names the other one. */
const notAssigner = (assigner: 'server' | 'gateway', at: RegistrationPort): KeyRow => {
  const by = assigner === 'server' ? 'the Server' : 'another gateway';
  const item = 'a gateway CA’s certificate for an entity that the Server assigns';
  const id = `certificate by a gateway CA for an entity that ${by} assigns`;
  return row([id, item, NOT_ASSIGNER], at, async (world) => {
    const rightful = async (token: Token) =>
      sealCertificateRegistration(certificateDraft(token, await assignCertificate(world, token)));
    const admitted = () => world.admit({ form: 'key-pair', assigner });
    const token = await admitted();
    const own = await rightful(token);
    const usurped = sealCertificateRegistration(certificateDraft(token, await certificateFor(token, world.probe.ca)));
    const other = await rightful(await admitted());
    return {
      // for another entity: this one's own registration comes last, and is good still
      good: () => register(world, at, other),
      bad: () => register(world, at, usurped),
      after: () => register(world, at, own),
    };
  });
};

/** The state of a token is told to the holder of the certified key alone. */
const revokedToken = (expect: 'TOKEN_REVOKED' | 'SIGNATURE_INVALID', at: RegistrationPort): KeyRow => {
  const isStranger = expect === 'SIGNATURE_INVALID';
  const id = `${isStranger ? 'signature by another key' : 'certificate'} under a token that was revoked`;
  return row([id, 'a revoked token registering again', expect], at, async (world) => {
    const draft = await freshCertificateDraft(world);
    const other = sealCertificateRegistration(await freshCertificateDraft(world));
    const request = sealCertificateRegistration({ ...draft, ...(isStranger && { privateKey: newKey() }) });
    const revoke = () => world.operator.revokeAdmission(draft.entity, draft.tokenId);
    return { good: () => register(world, at, other).then(revoke), bad: () => register(world, at, request) };
  });
};

export const CERTIFICATE_ROWS: readonly KeyRow[] = [
  ...certificateRows(ALTERED),
  ...TOKEN_AND_SERVER.map((at) => notAssigner('server', at)),
  notAssigner('gateway', 'gateway token'),
  ...TOKEN_AND_SERVER.flatMap((at) => [revokedToken('TOKEN_REVOKED', at), revokedToken('SIGNATURE_INVALID', at)]),
];
