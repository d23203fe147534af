/** GroupKeyStatement, between the wire and the rules: what every delivery of a Group Key begins with (GK-PULL, GK-PUSH). */
import { invalidArgument, checkGroupId } from '@cpns/core';
import type { GroupKeyStatement } from '../generated/cpns/v1/group_key_types';
import { COMMITMENT_BYTES, endsGroup, NO_SHARED_DIGEST, type SignedStatement, type Statement } from '@cpns/group-key';
import { checkSize } from '@cpns/key-derivation';
import * as fields from './fields';

const SIGNATURE_MAX_BYTES = 512;

const outOfRange = (field: string, what: string) =>
  invalidArgument('FIELD_OUT_OF_RANGE', `${field} ${what}`, { metadata: { field } });

/** GKC, or nothing for a deleted group. @throws CpnsError FIELD_SIZE */
function commitment(value: Buffer): Buffer {
  if (value.length !== 0) checkSize(value, COMMITMENT_BYTES, 'commitment');
  return value;
}

/** @throws CpnsError FIELD_MISSING (0), FIELD_OUT_OF_RANGE for a version that does not come after `previous` */
function versions({ version, previous }: GroupKeyStatement): Pick<Statement, 'version' | 'previous'> {
  fields.positive(version, 'version');
  if (previous >= version) throw outOfRange('previous', 'is not before version');
  return { version, previous };
}

/** Key trees are not served yet: a statement that speaks of one could not be followed. */
function withoutTree({ treeEpoch, treeRevision, sharedDigest }: GroupKeyStatement) {
  if (treeEpoch !== 0n) throw outOfRange('tree_epoch', 'speaks of a key tree, which is not served');
  if (treeRevision !== 0n) throw outOfRange('tree_revision', 'speaks of a key tree, which is not served');
  if (!fields.digest(sharedDigest, 'shared_digest').equals(NO_SHARED_DIGEST))
    throw outOfRange('shared_digest', 'speaks of a rekey message, which is not served');
  return { treeEpoch, treeRevision, sharedDigest };
}

/**
 * The form of a statement; whether it is true is for its signature to say.
 * @throws CpnsError a field's reason
 */
export function checkStatement(message: GroupKeyStatement | undefined): SignedStatement {
  const wire = fields.present(message, 'statement');
  const statement = {
    groupId: checkGroupId(wire.groupId, 'group_id'),
    ...versions(wire),
    ...withoutTree(wire),
    activateAt: fields.time(wire.activateAt, 'activate_at'),
    sealUntil: fields.time(wire.sealUntil, 'seal_until'),
    commitment: commitment(wire.commitment),
  };
  return {
    statement,
    signature: fields.bounded(wire.signature, SIGNATURE_MAX_BYTES, 'signature'),
    chain: fields.chain(wire.chain, 'chain'),
  };
}

export function statementMessage({ statement, signature, chain }: SignedStatement): GroupKeyStatement {
  const { activateAt, sealUntil, ...others } = statement;
  return { ...others, activateAt: BigInt(activateAt), sealUntil: BigInt(sealUntil), signature, chain: [...chain] };
}

/**
 * A rekey message, which no delivery has yet.
 * @throws CpnsError FIELD_OUT_OF_RANGE
 */
export function withoutShared(shared: Buffer): void {
  if (shared.length !== 0) throw outOfRange('shared', 'is a rekey message of a key tree, which is not served');
}

/**
 * Where a group was deleted there is no key to open.
 * @throws CpnsError FIELD_OUT_OF_RANGE
 */
export function checkEnd({ statement }: SignedStatement, envelopes: number, field: string): void {
  if (endsGroup(statement) && envelopes > 0) throw outOfRange(field, 'is given for a group that was deleted');
}
