/**
 * What the CPNS Server says a Group Key is (protocol.md, "Group Key"; GK-PULL, GK-PUSH): the part of a delivery that no
 * gateway can make or alter.
 */
import { unauthenticated } from '@cpns/core';
import { checkSize, DIGEST_BYTES, Message, sha256, signBytes, verifyBytes } from '@cpns/key-derivation';
import type { KeyObject } from 'node:crypto';
import { COMMITMENT_BYTES } from './commitment';

export interface Statement {
  readonly groupId: string;
  /** 1 or more; rises with every new key. */
  readonly version: bigint;
  /** The version before, or 0. */
  readonly previous: bigint;
  /** Of the key tree; 0 without one. */
  readonly treeEpoch: bigint;
  /** Of the key tree; 0 without one. */
  readonly treeRevision: bigint;
  /** Members seal with this version from here on, Unix milliseconds. */
  readonly activateAt: number;
  /** The end of sealing with this version, Unix milliseconds. */
  readonly sealUntil: number;
  /** GKC, 32 bytes; empty when the group was deleted. */
  readonly commitment: Buffer;
  /** SHA-256 of the rekey message, or of nothing, 32 bytes. */
  readonly sharedDigest: Buffer;
}

/** A statement as it travels. */
export interface SignedStatement {
  readonly statement: Statement;
  /** At most 512 bytes. */
  readonly signature: Buffer;
  /** DER certificates of the signer, leaf to root. */
  readonly chain: readonly Buffer[];
}

const NOTHING = Buffer.alloc(0);
/** SHA-256 of nothing: what a statement says where there is no key tree. */
export const NO_SHARED_DIGEST: Buffer = sha256(NOTHING);

/** True for the statement that a group was deleted. */
export const endsGroup = ({ commitment }: Pick<Statement, 'commitment'>): boolean => commitment.length === 0;

/**
 * The last statement about a group: one version more, and no commitment.
 * @param last the newest version that the group had
 * @param at Unix milliseconds: the end counts from here on
 */
export const endStatement = (groupId: string, last: bigint, at: number): Statement => ({
  groupId,
  version: last + 1n,
  previous: last,
  treeEpoch: 0n,
  treeRevision: 0n,
  activateAt: at,
  sealUntil: at,
  commitment: NOTHING,
  sharedDigest: NO_SHARED_DIGEST,
});

/**
 * The bytes that the Server signs.
 * @throws CpnsError FIELD_SIZE (commitment, shared digest); RangeError for a number that u64 does not carry
 */
export function statementBytes(statement: Statement): Buffer {
  const { commitment, sharedDigest } = statement;
  if (commitment.length !== 0) checkSize(commitment, COMMITMENT_BYTES, 'commitment');
  checkSize(sharedDigest, DIGEST_BYTES, 'shared digest');
  return new Message('cpns/v1/group-key-statement')
    .text(statement.groupId)
    .u64(statement.version)
    .u64(statement.previous)
    .u64(statement.treeEpoch)
    .u64(statement.treeRevision)
    .u64(statement.activateAt)
    .u64(statement.sealUntil)
    .lp(commitment)
    .lp(sharedDigest)
    .bytes();
}

/**
 * @param privateKey of the certificate of service/cpns-server
 * @throws CpnsError CSR_WEAK_KEY for a key that sign(x) does not have; otherwise as {@link statementBytes}
 */
export function signStatement(privateKey: KeyObject, statement: Statement): Buffer {
  return signBytes(privateKey, statementBytes(statement));
}

/** @throws CpnsError SIGNATURE_INVALID; FIELD_SIZE */
export function requireStatementSignature(key: KeyObject, statement: Statement, signature: Uint8Array): void {
  if (!verifyBytes(key, statementBytes(statement), signature))
    throw unauthenticated('SIGNATURE_INVALID', 'the statement was not signed by the CPNS Server, or was altered', {
      metadata: { group: statement.groupId, version: String(statement.version) },
    });
}
