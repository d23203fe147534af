import { createHash, verify, X509Certificate } from 'node:crypto';
import { lp, u64 } from './bytes';

/** What a delivery says about a Group Key, field by field. */
export interface StatementFields {
  readonly groupId: string;
  readonly version: bigint;
  readonly previous: bigint;
  readonly treeEpoch: bigint;
  readonly treeRevision: bigint;
  readonly activateAt: bigint;
  readonly sealUntil: bigint;
  /** GKC */
  readonly commitment: Buffer;
  readonly sharedDigest: Buffer;
  readonly signature: Buffer;
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
}

const lpBytes = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);

/** True when the holder of the first certificate of the chain signed every field. */
export function isSigned(statement: StatementFields): boolean {
  const [leaf] = statement.chain;
  if (leaf === undefined) return false;
  const { groupId, version, previous, treeEpoch, treeRevision, activateAt, sealUntil } = statement;
  const numbers = [version, previous, treeEpoch, treeRevision, activateAt, sealUntil].map(u64);
  const bytes = Buffer.concat([
    Buffer.from('cpns/v1/group-key-statement', 'ascii'),
    lp(groupId),
    ...numbers,
    lpBytes(statement.commitment),
    lpBytes(statement.sharedDigest),
  ]);
  return verify('sha256', bytes, new X509Certificate(leaf).publicKey, statement.signature);
}

/** SHA-256 of nothing: there is no rekey message without a key tree. */
export const NOTHING_SHARED = createHash('sha256').digest();
