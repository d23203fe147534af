/**
 * A delivery at a member (GK-PULL, GK-PUSH): what comes in, in the order in which it is believed.
 *
 * ```
 *   signature and signer  -->  statement against the keyring  -->  envelope  -->  commitment  -->  keyring
 * ```
 */
import type { EntityUserKey } from '@cpns/core';
import { envelopeInvalid, openEnvelope } from './envelope';
import {
  acceptStatement,
  type AcceptanceContext,
  holdGroupKey,
  type Keyring,
  pruneRetired,
  type Received,
} from './keyring';
import { endsGroup, type SignedStatement, type StatementVerifier } from './statement';

/** The member that a delivery is for. */
export interface Member {
  /** E */
  readonly entity: string;
  /** S */
  readonly secret: EntityUserKey;
  /** Of S, in text. */
  readonly keyId: string;
}

export interface Delivery {
  readonly signed: SignedStatement;
  /** The envelope; absent where the statement says all. */
  readonly own?: Uint8Array | undefined;
}

export interface ReceivingContext extends AcceptanceContext {
  /** True for what was not asked for: a statement alone says that a newer version is there, whose key can be pulled. */
  readonly mayLackKey?: boolean;
}

/**
 * Everything that a member checks before it takes a delivery in. The keyring that was given is never changed, but that
 * keys of versions that have retired are overwritten once all is good.
 * @param verifier of the Server's statements
 * @throws CpnsError what {@link StatementVerifier.verify}, {@link acceptStatement}, {@link openEnvelope} and
 *   {@link holdGroupKey} throw; ENVELOPE_INVALID with `check` `absent` when the key is needed and not there
 */
export function receiveGroupKey(
  keyring: Keyring,
  { signed, own }: Delivery,
  member: Member,
  verifier: StatementVerifier,
  context: ReceivingContext,
): Received {
  const { statement, signature, chain } = signed;
  verifier.verify(statement, signature, chain);
  const { keyring: accepted, acceptance } = acceptStatement(keyring, statement, context);
  const { version, groupId } = statement;
  const held = accepted.versions.find((known) => known.statement.version === version)?.groupKey;
  const isComplete = endsGroup(statement) || held !== undefined || (own === undefined && context.mayLackKey === true);
  if (isComplete) return { keyring: pruneRetired(accepted, context.now), acceptance };
  if (own === undefined) throw envelopeInvalid('absent');
  const terms = { groupId, version, entity: member.entity };
  const groupKey = openEnvelope(member.secret, member.keyId, terms, own);
  try {
    return { keyring: pruneRetired(holdGroupKey(accepted, version, groupKey), context.now), acceptance };
  } catch (mismatch) {
    groupKey.destroy();
    throw mismatch;
  }
}
