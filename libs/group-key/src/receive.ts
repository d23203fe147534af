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
  holdGroupKey,
  pruneRetired,
  type Acceptance,
  type AcceptanceContext,
  type Keyring,
} from './keyring';
import type { StatementVerifier } from './server-signer';
import { endsGroup, type SignedStatement } from './statement';

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
  /** The envelope; absent where the statement ends the group, or only says more about a key that is held. */
  readonly own?: Uint8Array | undefined;
}

export interface Received {
  readonly keyring: Keyring;
  readonly acceptance: Acceptance;
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
  context: AcceptanceContext,
): Received {
  const { statement, signature, chain } = signed;
  verifier.verify(statement, signature, chain);
  const { keyring: accepted, acceptance } = acceptStatement(keyring, statement, context);
  const { version, groupId } = statement;
  const held = accepted.versions.find((known) => known.statement.version === version)?.groupKey;
  if (endsGroup(statement) || held !== undefined) return { keyring: pruneRetired(accepted, context.now), acceptance };
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
