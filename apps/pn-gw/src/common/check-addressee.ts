import { permissionDenied, samePn, type EntityName } from '@cpns/core';

/** A gateway serves its own PN, and only requests that were made to it. @throws CpnsError PN_MISMATCH, GATEWAY_MISMATCH */
export function checkAddressee(own: EntityName, entity: EntityName, gateway?: EntityName): void {
  if (!samePn(own, entity)) throw permissionDenied('PN_MISMATCH', `this gateway serves ${own.pn} only`);
  if (gateway !== undefined && gateway.uri !== own.uri)
    throw permissionDenied('GATEWAY_MISMATCH', 'the request was made to another gateway');
}
