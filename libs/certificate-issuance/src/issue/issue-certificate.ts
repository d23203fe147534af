import { hash } from 'node:crypto';
import { CpnsError, duration, type Clock, type Random } from '@cpns/core';
import { readTbs, type TbsCertificate } from '../certificate/parse-certificate';
import { DerError, encode, type Asn1 } from '../der/asn1';
import { toSeconds } from '../der/time';
import { isMismatch, matchProfile } from '../profiles/match-profile';
import type { Profile } from '../profiles/profile';
import { certificateDer, tbsNode, type TbsFields } from './build-tbs';
import type { Issuer } from './issuer';
import { newSerial } from './serial';
import { validateRequest, type IssueRequest } from './request';

/** Where time and randomness come from. */
export interface IssueContext {
  readonly clock: Clock;
  readonly random: Random;
}

export interface IssuedCertificate {
  readonly der: Buffer;
  /** SHA-256 of `der`. */
  readonly fingerprint: Buffer;
  /** The certificate and those above it as far as the issuer knows them, leaf first. */
  readonly chain: readonly Buffer[];
  /** Big-endian, 20 bytes. */
  readonly serial: Buffer;
  /** Unix milliseconds. */
  readonly notBefore: number;
  /** Unix milliseconds. */
  readonly notAfter: number;
}

/** How far a certificate's start lies back, so that a device whose clock is late can use it at once. */
export const BACKDATING = duration(5, 'minute');

/**
 * A certificate, in three fixed steps: the request is checked, the certificate is built from its profile, and what was
 * built is read back and held against the profile's rules before the authority signs it.
 * @throws CpnsError of {@link validateRequest}; whatever the signer throws
 */
export async function issueCertificate(
  issuer: Issuer,
  request: IssueRequest,
  context: IssueContext,
): Promise<IssuedCertificate> {
  const now = context.clock.now();
  const { profile, key, uri, notAfter, dnsNames, ipAddresses } = validateRequest(issuer, request, now);
  const own = issuer.certificate;
  const fields: TbsFields = {
    profile,
    key,
    serial: newSerial(context.random),
    notBefore: toSeconds(Math.max(now - BACKDATING, own.notBefore)),
    notAfter: toSeconds(Math.min(notAfter, now + profile.maxLifetime, own.notAfter)),
    uri,
    dnsNames,
    ipAddresses,
  };
  const node = tbsNode(issuer.parts, fields);
  enforceRules(issuer, profile, fields, node);
  const tbs = encode(node);
  const signature = await issuer.signer.sign(tbs);
  const der = certificateDer(tbs, issuer.parts.algorithm, signature);
  return {
    der,
    fingerprint: hash('sha256', der, 'buffer'),
    chain: [der, ...issuer.chain],
    serial: fields.serial,
    notBefore: fields.notBefore,
    notAfter: fields.notAfter,
  };
}

/**
 * The last step: nothing is signed that a verifier would refuse.
 * @throws CpnsError INTERNAL: the request was checked, so it is this library that is at fault
 */
export function enforceRules(issuer: Issuer | undefined, profile: Profile, fields: TbsFields, tbs: Asn1): void {
  const why = brokenRule(issuer, profile, fields, tbs);
  if (why === undefined) return;
  const cause = new Error(`built a ${profile.title} certificate that breaks its profile: ${why}`);
  throw new CpnsError('INTERNAL', 'the certificate could not be issued', { cause });
}

function brokenRule(issuer: Issuer | undefined, profile: Profile, fields: TbsFields, tbs: Asn1): string | undefined {
  let built: TbsCertificate;
  try {
    built = readTbs(tbs);
  } catch (error) {
    if (error instanceof DerError) return error.message;
    throw error;
  }
  const result = matchProfile(built, profile);
  if (isMismatch(result)) return result.detail;
  if (built.notBefore > built.notAfter) return 'it would end before it begins';
  if (issuer !== undefined && built.notAfter > issuer.certificate.notAfter) return 'it would outlive its issuer';
  return built.key.node === fields.key.node ? undefined : 'another key';
}
