import { parseEntityUri, permissionDenied, samePn, type EntityName } from '@cpns/core';
import type { CallContext, CallerEntity } from '@cpns/grpc';
import { sha256 } from '@cpns/key-derivation';
import { OwnIdentity } from '@cpns/platform';

/** This PN GW, as its own certificate says; `uri` is its E. */
export abstract class OwnGateway extends OwnIdentity {
  abstract readonly name: EntityName;
  /** DER, leaf to root. */
  abstract readonly chain: readonly Buffer[];
  /** DER. */
  abstract readonly root: Buffer;
  /** PEM, for TLS. */
  abstract readonly tls: { readonly cert: string; readonly key: string; readonly ca: string };
}

/**
 * SHA-256 of the certificate that the gateway has now, 32 bytes: another one after each enrolment. A gateway that was revoked
 * and admitted again is in another life, and what it got before is not in force.
 */
export const identityDigest = ({ chain: [leaf] }: OwnGateway): Buffer => sha256(leaf ?? Buffer.alloc(0));

/** A gateway serves its own PN, and only requests that were made to it. @throws CpnsError PN_MISMATCH, GATEWAY_MISMATCH */
export function checkAddressee(own: EntityName, entity: EntityName, gateway?: EntityName): void {
  if (!samePn(own, entity)) throw permissionDenied('PN_MISMATCH', `this gateway serves ${own.pn} only`);
  if (gateway !== undefined && gateway.uri !== own.uri)
    throw permissionDenied('GATEWAY_MISMATCH', 'the request was made to another gateway');
}

/** The authenticated entity that calls. @throws CpnsError PROOF_MISSING, PN_MISMATCH */
export function callerHere(own: OwnGateway, call: CallContext): CallerEntity {
  const caller = call.requireEntity();
  checkAddressee(own.name, parseEntityUri(caller.entity, 'entity'));
  return caller;
}
