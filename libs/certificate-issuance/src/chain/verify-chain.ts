import { CpnsError, permissionDenied, type EntityName, type Subject } from '@cpns/core';
import { parseAuthority } from '../certificate/authorities';
import { parseCertificate, type ParsedCertificate } from '../certificate/parse-certificate';
import { isMismatch, matchProfile, type Match } from '../profiles/match-profile';
import type { ProfileId } from '../profiles/profile';
import { PROFILES } from '../profiles/profiles';
import { checkIssuerName, checkLink, checkValidity } from './link';
import { identityOf, readLeaf, type VerifiedPeer } from './verified-peer';

/** Leaf, entity CA, issuing CA, root: no chain of CPNS is longer. */
export const CHAIN_MAX_LENGTH = 4;

export interface VerifyChainRequest {
  /** DER, leaf first; the root itself may be left out. */
  readonly chain: readonly Uint8Array[];
  /** The one root that is trusted, DER, compared byte by byte. */
  readonly root: Uint8Array;
  /** Unix milliseconds. */
  readonly now: number;
  /** When given, the peer has to be of this trust domain. */
  readonly trustDomain?: string;
}

/**
 * Verifies a chain up to the pinned root: every certificate against its profile, its issuer and the time.
 * @throws CpnsError CERTIFICATE_MALFORMED (not DER, not of a profile's form), CERTIFICATE_NAME (not exactly one CPNS URI,
 *   or other names beside it), CERTIFICATE_ROLE (used above what it is for), CERTIFICATE_CHAIN (not linked to the root
 *   by the authorities there are), CERTIFICATE_EXPIRED, PN_MISMATCH (a gateway's certificate for another PN), TRUST_DOMAIN
 */
export function verifyChain({ chain, root, now, trustDomain }: VerifyChainRequest): VerifiedPeer {
  const path = withoutRoot(chain, root).map((der, i) => (i === 0 ? parseCertificate(der) : parseAuthority(der)));
  const [leaf, issuer, above] = path;
  if (leaf === undefined || issuer === undefined)
    throw new CpnsError('CERTIFICATE_CHAIN', 'send the chain from the leaf up, with every authority but the root');
  const anchor = parseAuthority(root);
  checkAuthority(anchor, ['root-ca']);
  if (above !== undefined) checkAuthority(above, ['issuing-ca']);
  const authority = checkAuthority(issuer, above === undefined ? ['issuing-ca'] : ['server-entity-ca', 'gateway-ca']);
  const upward = [...path, anchor];
  const links = upward.slice(1).map((parent, i) => [upward[i] ?? leaf, parent] as const);
  links.forEach(([child, parent]) => checkIssuerName(child, parent));
  const match = readLeaf(leaf, authority.id === 'issuing-ca');
  const gateway = gatewayOf(authority.subject);
  if (gateway !== undefined) checkPn(match.subject, gateway);
  if (trustDomain !== undefined && match.subject.name.trustDomain !== trustDomain)
    throw permissionDenied('TRUST_DOMAIN', 'the certificate names a peer of another trust domain');
  links.forEach(([child, parent]) => checkLink(child, parent));
  upward.forEach((certificate) => checkValidity(certificate, now));
  return {
    ...identityOf(leaf, match),
    issuedBy: authority.id,
    ...(gateway === undefined ? {} : { issuer: gateway }),
    // copies: an authority's object is kept and shared
    issuerDer: Buffer.from(issuer.der),
    serials: path.map(({ serial }) => Buffer.from(serial)),
  };
}

function withoutRoot(chain: readonly Uint8Array[], root: Uint8Array): readonly Uint8Array[] {
  if (chain.length > CHAIN_MAX_LENGTH)
    throw new CpnsError('CERTIFICATE_CHAIN', `a chain has at most ${CHAIN_MAX_LENGTH} certificates`);
  const last = chain.at(-1);
  const path = last !== undefined && Buffer.compare(last, root) === 0 ? chain.slice(0, -1) : chain;
  if (path.length === CHAIN_MAX_LENGTH) throw new CpnsError('CERTIFICATE_CHAIN', 'the chain ends at another root');
  return path;
}

type AuthorityId = Extract<ProfileId, 'root-ca' | VerifiedPeer['issuedBy']>;

/** The profiles that certificates were found to fit: objects of parseAuthority, which stay what they are. */
const MATCHES = new WeakMap<ParsedCertificate, Match>();

/** @throws CpnsError CERTIFICATE_CHAIN when the certificate is of none of these authorities' profiles */
function checkAuthority<K extends AuthorityId>(certificate: ParsedCertificate, ids: readonly K[]) {
  for (const id of ids) {
    const known = MATCHES.get(certificate);
    const result = known?.profile.id === id ? known : matchProfile(certificate, PROFILES[id]);
    if (isMismatch(result)) continue;
    MATCHES.set(certificate, result);
    return { id, subject: result.subject };
  }
  const expected = ids.map((id) => PROFILES[id].title).join(' or ');
  throw new CpnsError('CERTIFICATE_CHAIN', `a certificate of the chain is not that of the ${expected}`);
}

const gatewayOf = (subject: Subject | undefined): EntityName | undefined =>
  subject?.name.kind === 'entity' ? subject.name : undefined;

function checkPn({ name }: Subject, gateway: EntityName): void {
  if (name.kind !== 'entity' || name.pn !== gateway.pn)
    throw permissionDenied('PN_MISMATCH', 'a gateway issued the certificate for an entity of another Personal Network');
}
