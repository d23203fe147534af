/** What an entity asks of a service through its gateway, with its own proof (protocol.md, "An entity's own proof"). */
import { invalidArgument, unauthenticated } from '@cpns/core';
import { parseProof, type Proof, sha256 } from '@cpns/key-derivation';
import { bounded } from './fields';

const PROOF_MAX_BYTES = 1_024;
const REQUEST_MAX_BYTES = 1_024;

/** As a gateway relays it. */
interface Relayed {
  /** E, as the gateway says. */
  readonly entity: string;
  readonly entityRequest: Buffer;
  readonly entityProof: Buffer;
}

export interface EntityRequest<T> {
  /** Of {@link Relayed.entity}; its MAC is not verified yet. */
  readonly proof: Proof;
  /** SHA-256 of the bytes that the entity sent, 32 bytes. */
  readonly requestDigest: Buffer;
  /** These bytes, decoded. */
  readonly message: T;
}

/** @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG, MALFORMED_MESSAGE, FIELD_OUT_OF_RANGE (time); a bad E's reason */
export const checkProof = (bytes: Buffer, field: string): Proof => parseProof(bounded(bytes, PROOF_MAX_BYTES, field));

/** @throws CpnsError PROOF_MISSING with `proof` = `entity` */
export function requireEntityProof(bytes: Buffer | undefined): Buffer {
  if (bytes !== undefined && bytes.length > 0) return bytes;
  throw unauthenticated('PROOF_MISSING', 'this call needs the entity’s own proof, in cpns-entity-proof-bin', {
    metadata: { proof: 'entity' },
  });
}

/** @throws CpnsError PROOF_MAC where the proof is of another entity */
export function checkProofOf(entity: string, proof: Proof): void {
  if (proof.entity !== entity) throw unauthenticated('PROOF_MAC', 'the entity’s own proof is of another entity');
}

/** @throws CpnsError PROOF_MISSING; see {@link checkProof}, {@link checkProofOf}; the reasons of a bad `entity_request` */
export function checkEntityRequest<T>(relayed: Relayed, codec: { decode(bytes: Buffer): T }): EntityRequest<T> {
  const proof = checkProof(requireEntityProof(relayed.entityProof), 'entity_proof');
  checkProofOf(relayed.entity, proof);
  const bytes = bounded(relayed.entityRequest, REQUEST_MAX_BYTES, 'entity_request');
  try {
    return { proof, requestDigest: sha256(bytes), message: codec.decode(bytes) };
  } catch (cause) {
    throw invalidArgument('MALFORMED_MESSAGE', 'entity_request does not decode', { cause });
  }
}
