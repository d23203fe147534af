import { checkProof, checkProofOf, requireEntityProof } from '@cpns/contracts';
import { parseEntityUri, permissionDenied, samePn, type EntityName } from '@cpns/core';
import { type CallContext, type CallerEntity, METADATA } from '@cpns/grpc';
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

/**
 * A gateway serves its own PN, and only requests that were made to it.
 * @throws CpnsError TRUST_DOMAIN, GATEWAY_MISMATCH, PN_MISMATCH
 */
export function checkAddressee(own: EntityName, entity: EntityName, gateway?: EntityName): void {
  if (entity.trustDomain !== own.trustDomain)
    throw permissionDenied('TRUST_DOMAIN', `this gateway serves ${own.trustDomain} only`);
  if (gateway !== undefined && gateway.uri !== own.uri)
    throw permissionDenied('GATEWAY_MISMATCH', 'the request was made to another gateway');
  if (!samePn(own, entity)) throw permissionDenied('PN_MISMATCH', `this gateway serves ${own.pn} only`);
}

/** What the caller asks of a service behind this gateway, both as it came (protocol.md, "An entity's own proof"). */
export interface OwnRequest {
  readonly entityRequest: Buffer;
  readonly entityProof: Buffer;
}

/** @throws CpnsError PROOF_MISSING with `proof` = `entity`; MALFORMED_MESSAGE; PROOF_MAC for a proof of another entity */
export function ownRequestOf({ entity }: CallerEntity, { entityProof, requestBytes }: CallContext): OwnRequest {
  const proof = requireEntityProof(entityProof);
  checkProofOf(entity, checkProof(proof, METADATA.entityProof));
  return { entityRequest: requestBytes, entityProof: proof };
}

/** The authenticated entity that calls. @throws CpnsError PROOF_MISSING, TRUST_DOMAIN, PN_MISMATCH */
export function callerHere(own: OwnGateway, call: CallContext): CallerEntity {
  const caller = call.requireEntity();
  checkAddressee(own.name, parseEntityUri(caller.entity, 'entity'));
  return caller;
}
