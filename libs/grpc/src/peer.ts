import type { Name, Role } from '@cpns/core';

/** Who is at the other end of a mutually authenticated connection. */
export interface Peer {
  /** The URI of its certificate, without a user: what protocol formulas and logs use. */
  readonly uri: string;
  readonly name: Name;
  /** The user of `?user=`, or empty. */
  readonly user: string;
  /** From its name and from who issued its certificate, never from the name alone. */
  readonly role: Role;
  /** SHA-256 of its leaf certificate, 32 bytes. */
  readonly fingerprint: Buffer;
  /** SHA-256 of its public key (SubjectPublicKeyInfo, DER), 32 bytes: the same in every certificate of the key. */
  readonly keyDigest: Buffer;
  readonly leafDer: Buffer;
  /** End of its certificate's validity, Unix milliseconds. */
  readonly notAfter: number;
}

/**
 * Turns the leaf certificate of a connection whose chain TLS has verified into a peer. Asked once per certificate.
 * @throws CpnsError PEER_IDENTITY_INVALID and other UNAUTHENTICATED reasons
 */
export type IdentifyPeer = (leafDer: Buffer) => Peer | Promise<Peer>;

/** Who proved a secret on a call. */
export interface ProvenCaller {
  /** E. */
  readonly entity: string;
  /** The user whom its admission names, or empty. */
  readonly user: string;
  /** 16 bytes. */
  readonly keyId: Buffer;
}

/**
 * Checks the proof that came with a call.
 * @param proof bytes of the metadata, at most 1,024
 * @param method full gRPC path
 * @param requestDigest SHA-256 of the first message as received, 32 bytes
 * @throws CpnsError PROOF_MAC, PROOF_OUTSIDE_WINDOW, PROOF_REPLAYED, KEY_UNKNOWN, AUDIENCE_MISMATCH …
 */
export type ProofVerifier = (proof: Buffer, method: string, requestDigest: Buffer) => Promise<ProvenCaller>;
