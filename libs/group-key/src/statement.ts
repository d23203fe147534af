/**
 * What the CPNS Server says a Group Key is (protocol.md, "Group Key"; GK-PULL, GK-PUSH): the part of a delivery that no
 * gateway can make or alter.
 *
 * Who signs for the CPNS Server, and how a receiver comes to believe it: statements here, and the Server's answer to a
 * registration in the same way.
 *
 * A delivery at a member (GK-PULL, GK-PUSH): what comes in, in the order in which it is believed.
 *
 * ```
 *   signature and signer  -->  statement against the keyring  -->  envelope  -->  commitment  -->  keyring
 * ```
 */
import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { parseCertificate, verifyChain } from '@cpns/certificate-issuance';
import { type Clock, type EntityUserKey, serviceUri, unauthenticated } from '@cpns/core';
import { checkSize, DIGEST_BYTES, Message, sha256, signBytes, verifyBytes } from '@cpns/key-derivation';
import { COMMITMENT_BYTES, envelopeInvalid, openEnvelope } from './envelope';
import {
  type Acceptance,
  type AcceptanceContext,
  acceptStatement,
  holdGroupKey,
  type Keyring,
  pruneRetired,
} from './keyring';

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

/** Name of the service that signs for a trust domain. */
const SIGNING_SERVICE = 'cpns-server';

interface ServerSignerRequest {
  /** DER, leaf first; the root itself may be left out. */
  readonly chain: readonly Uint8Array[];
  /** The one root that is trusted, DER. */
  readonly root: Uint8Array;
  readonly trustDomain: string;
  /** Unix milliseconds. */
  readonly now: number;
}

/**
 * The public key of `service/cpns-server` of a trust domain, from its chain.
 * @throws CpnsError CERTIFICATE_*, TRUST_DOMAIN; PEER_UNEXPECTED for the certificate of anyone else
 */
export function verifyServerSigner({ chain, root, trustDomain, now }: ServerSignerRequest): KeyObject {
  const signer = verifyChain({ chain, root, now, trustDomain });
  // a target entity that is named like a service has another role; both are asked for
  if (signer.role !== 'service' || signer.subject.name.uri !== serviceUri(trustDomain, SIGNING_SERVICE))
    throw unauthenticated('PEER_UNEXPECTED', 'another than the CPNS Server signed');
  return signer.key.keyObject;
}

/** A chain that was verified, and for how long that holds. */
interface KnownSigner {
  readonly key: KeyObject;
  /** Unix milliseconds. */
  readonly validFrom: number;
  /** Unix milliseconds, the first that is outside. */
  readonly validUntil: number;
}

/** Chains that one verifier remembers: the Server's certificate, and the ones before and after it. */
const CHAINS_MAX = 16;

// notAfter is the last valid second, all of it (RFC 5280, 4.1.2.5)
const LAST_SECOND_MS = 1_000;

interface StatementVerifierOptions {
  /** DER */
  readonly root: Uint8Array;
  readonly trustDomain: string;
  readonly clock: Clock;
}

/**
 * Verifies statements. It remembers the last {@link CHAINS_MAX} chains that it found good until one of their
 * certificates ends, so that only the first statement of a signer costs the whole chain.
 */
export class StatementVerifier {
  readonly #known = new LRUCache<string, KnownSigner>({ max: CHAINS_MAX });

  constructor(private readonly options: StatementVerifierOptions) {}

  /**
   * @throws CpnsError CERTIFICATE_*, TRUST_DOMAIN for a chain that does not lead to the root; PEER_UNEXPECTED when it is
   *   another's than the CPNS Server's; SIGNATURE_INVALID
   */
  verify(statement: Statement, signature: Uint8Array, chain: readonly Uint8Array[]): void {
    requireStatementSignature(this.#signer(chain), statement, signature);
  }

  /** How many chains are remembered. */
  get remembered(): number {
    return this.#known.size;
  }

  #signer(chain: readonly Uint8Array[]): KeyObject {
    const now = this.options.clock.now();
    const id = sha256(...chain.map((der) => sha256(der))).toString('base64');
    const known = this.#known.get(id);
    if (known !== undefined && known.validFrom <= now && now < known.validUntil) return known.key;
    this.#known.delete(id);
    const signer = this.#verifyChain(chain, now);
    this.#known.set(id, signer);
    return signer.key;
  }

  #verifyChain(chain: readonly Uint8Array[], now: number): KnownSigner {
    const { root, trustDomain } = this.options;
    const key = verifyServerSigner({ chain, root, trustDomain, now });
    const times = [...chain, root].map((der) => parseCertificate(der));
    return {
      key,
      validFrom: Math.max(...times.map(({ notBefore }) => notBefore)),
      validUntil: Math.min(...times.map(({ notAfter }) => notAfter)) + LAST_SECOND_MS,
    };
  }
}

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
