import { createHash, verify, X509Certificate } from 'node:crypto';
import { lp, u64 } from './bytes';

const NUMBERS = ['version', 'previous', 'treeEpoch', 'treeRevision', 'activateAt', 'sealUntil'] as const;

/** What a delivery says about a Group Key, field by field; the commitment is GKC. */
type StatementFields = Readonly<Record<(typeof NUMBERS)[number], bigint>> &
  Readonly<Record<'commitment' | 'sharedDigest' | 'signature', Buffer>> & {
    readonly groupId: string;
    /** DER, leaf first. */
    readonly chain: readonly Buffer[];
  };

/** True when the holder of the first certificate of the chain signed every field. */
export function isSigned(statement: StatementFields): boolean {
  const [leaf] = statement.chain;
  if (leaf === undefined) return false;
  const bytes = Buffer.concat([
    Buffer.from('cpns/v1/group-key-statement', 'ascii'),
    lp(statement.groupId),
    ...NUMBERS.map((name) => u64(statement[name])),
    lp(statement.commitment),
    lp(statement.sharedDigest),
  ]);
  return verify('sha256', bytes, new X509Certificate(leaf).publicKey, statement.signature);
}

/** SHA-256 of nothing: there is no rekey message without a key tree. */
export const NOTHING_SHARED = createHash('sha256').digest();
