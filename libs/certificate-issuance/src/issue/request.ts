import { isIP } from 'node:net';
import {
  CpnsError,
  invalidArgument,
  parseEntityUri,
  parseOperatorUri,
  parseServiceUri,
  parseSubject,
} from '@cpns/core';
import type { PublicKey } from '../keys/public-key';
import type { Profile } from '../profiles/profile';
import { PROFILES } from '../profiles/profiles';
import { mayIssue, type Issuer } from './issuer';

interface Common {
  /** As {@link parseCsr} checked it, or a key of our own. */
  readonly key: PublicKey;
  /** Unix milliseconds; cut to what the profile and the issuer allow. Without it: as long as they allow. */
  readonly notAfter?: number;
}

interface Hosts {
  /** Names that TLS clients know the server by; lower-case, no wildcards. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** What an authority is asked for. `uri` is the identity, as it will stand in the SAN. */
export type IssueRequest =
  | (Common & { readonly profile: 'issuing-ca' | 'server-entity-ca' })
  | (Common & { readonly profile: 'gateway-ca'; readonly uri: string })
  | (Common & Hosts & { readonly profile: 'service' | 'gateway-identity'; readonly uri: string })
  | (Common & { readonly profile: 'operator' | 'target-entity'; readonly uri: string });

/** A request whose every field was checked. */
export interface CheckedRequest {
  readonly profile: Profile;
  readonly key: PublicKey;
  readonly uri: string | undefined;
  /** Unix milliseconds; infinite when the request does not say. */
  readonly notAfter: number;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** As many names as one certificate may carry besides its identity. */
export const HOSTS_MAX = 16;
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/**
 * The first of three steps: what is asked for is checked before anything is built.
 * @throws CpnsError NAME_INVALID, FIELD_MISSING, FIELD_TOO_LONG, FIELD_OUT_OF_RANGE; CERTIFICATE_ROLE when the authority
 *   does not issue that profile; PN_MISMATCH when a gateway CA is asked for an entity of another Personal Network
 */
export function validateRequest(issuer: Issuer, request: IssueRequest, now: number): CheckedRequest {
  const profile = PROFILES[request.profile];
  if (!mayIssue(issuer, profile))
    throw new CpnsError('CERTIFICATE_ROLE', `a ${issuer.profile.title} issues no ${profile.title} certificates`);
  if (now > issuer.certificate.notAfter || now < issuer.certificate.notBefore)
    throw new CpnsError('CERTIFICATE_EXPIRED', `the ${issuer.profile.title} certificate is outside its validity`);
  const { key, notAfter } = request;
  if (notAfter !== undefined && !(notAfter > now && notAfter < Date.UTC(10_000, 0, 1)))
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'not-after is not in the future', { metadata: { field: 'not-after' } });
  const uri = 'uri' in request ? request.uri : undefined;
  if (uri !== undefined) checkUri(issuer, request.profile, uri);
  const { dnsNames = NONE, ipAddresses = NONE } = request as Hosts;
  checkHosts(dnsNames, ipAddresses);
  return { profile, key, uri, notAfter: notAfter ?? Infinity, dnsNames, ipAddresses };
}

const NONE: readonly string[] = [];

function checkUri(issuer: Issuer, profile: IssueRequest['profile'], uri: string): void {
  switch (profile) {
    case 'service':
      parseServiceUri(uri);
      return;
    case 'operator':
      parseOperatorUri(uri);
      return;
    case 'gateway-ca':
    case 'gateway-identity':
      if (parseEntityUri(uri).entityType !== 'pn-gw')
        throw invalidArgument('NAME_INVALID', 'the URI does not name a PN GW', { metadata: { field: 'uri' } });
      return;
    case 'target-entity':
      checkEntity(issuer, uri);
      return;
    case 'issuing-ca':
    case 'server-entity-ca':
      return;
  }
}

function checkEntity(issuer: Issuer, uri: string): void {
  const { name } = parseSubject(uri);
  if (name.kind !== 'entity')
    throw invalidArgument('NAME_INVALID', 'the URI does not name a PNE or PN GW', { metadata: { field: 'uri' } });
  if (issuer.gateway !== undefined && issuer.gateway.pn !== name.pn)
    throw new CpnsError('PN_MISMATCH', 'a gateway issues for entities of its own Personal Network only');
}

function checkHosts(dnsNames: readonly string[], ipAddresses: readonly string[]): void {
  const field = (name: string) => ({ metadata: { field: name } });
  if (dnsNames.length + ipAddresses.length > HOSTS_MAX)
    throw invalidArgument('FIELD_TOO_LONG', `at most ${HOSTS_MAX} DNS names and addresses`, field('dns-names'));
  if (!dnsNames.every((name) => DNS_NAME.test(name)))
    throw invalidArgument('NAME_INVALID', 'a DNS name is not one of lower-case labels', field('dns-names'));
  if (!ipAddresses.every((address) => isIP(address) !== 0 && !address.includes('%')))
    throw invalidArgument('NAME_INVALID', 'an address is neither IPv4 nor IPv6', field('ip-addresses'));
}
