/**
 * What the CPNS Server says a Group Key is (protocol.md, "Group Key"; GK-PULL, GK-PUSH): the part of a delivery that no
 * gateway can make or alter.
 *
 * Who signs for the CPNS Server, and how a receiver comes to believe it: statements here, and the Server's answer to a
 * registration in the same way.
 *
 * The life of one version of a Group Key (5.3.1.12.6.2, GK-UPDATE-M), as data and by the clock.
 *
 * ```
 *       +------------------supersede------------------+
 *      /                                               v
 *   prepared --activate--> active --supersede--------> grace --grace-over--> retired
 *       \                     \                         \
 *        +------destroy--------+--------destroy----------+----destroy----> retired      the group was deleted
 * ```
 * Each boundary belongs to the later state: a version is active from its activate-at on, in grace from the earliest
 * activate-at of all versions above it on, and retired from 60 s after that. One that was superseded before it became active
 * was discarded: members open with it, and none ever seals.
 */
import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { parseCertificate, verifyChain } from '@cpns/certificate-issuance';
import { type Clock, type LifeCycle, nextState, serviceUri, unauthenticated } from '@cpns/core';
import { checkSize, DIGEST_BYTES, Message, sha256, signBytes, verifyBytes } from '@cpns/key-derivation';
import { COMMITMENT_BYTES } from './envelope';

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

export const GROUP_KEY_VERSION_STATES = ['prepared', 'active', 'grace', 'retired'] as const;
export type VersionState = (typeof GROUP_KEY_VERSION_STATES)[number];

export const GROUP_KEY_VERSION_EVENTS = ['activate', 'supersede', 'grace-over', 'destroy'] as const;
export type VersionEvent = (typeof GROUP_KEY_VERSION_EVENTS)[number];

/** How long a version still opens once a higher one became active, in milliseconds. */
export const GRACE_MS = 60_000;

/** One row per (state, event) that is allowed. What has no row cannot happen. */
export const GROUP_KEY_VERSION_LIFE_CYCLE: LifeCycle<VersionState, VersionEvent> = [
  { state: 'prepared', event: 'activate', next: 'active' },
  { state: 'prepared', event: 'supersede', next: 'grace' },
  { state: 'active', event: 'supersede', next: 'grace' },
  { state: 'grace', event: 'grace-over', next: 'retired' },
  { state: 'prepared', event: 'destroy', next: 'retired' },
  { state: 'active', event: 'destroy', next: 'retired' },
  { state: 'grace', event: 'destroy', next: 'retired' },
];

/** The next state, or `undefined` where the life cycle has no row for it. */
export const nextVersionState = (state: VersionState, event: VersionEvent): VersionState | undefined =>
  nextState(GROUP_KEY_VERSION_LIFE_CYCLE, state, event);

/** When what happens to a version; all Unix milliseconds. */
export interface VersionTimes {
  readonly activateAt: number;
  /** See {@link supersededAt}. */
  readonly supersededAt?: number | undefined;
  /** When the group was deleted. */
  readonly deletedAt?: number | undefined;
}

/**
 * The earliest activate-at of all versions above one: an emergency supersedes what was prepared before it as well.
 * @param known versions of the same group, in any order
 * @returns Unix milliseconds; Infinity while no version above it is known
 */
export const supersededAt = (version: bigint, known: readonly Pick<Statement, 'version' | 'activateAt'>[]): number =>
  Math.min(...known.map((other) => (other.version > version ? other.activateAt : Infinity)));

/** A version whose activate-at comes with that of a higher one, or later, changes hands with it: the order decides. */
const eventsOf = ({ activateAt, supersededAt: superseded = Infinity, deletedAt = Infinity }: VersionTimes) =>
  [
    { event: 'destroy', at: deletedAt },
    { event: 'activate', at: activateAt },
    { event: 'supersede', at: superseded },
    { event: 'grace-over', at: superseded + GRACE_MS },
  ] as const;

/** Where a version stands at `now` (Unix milliseconds). */
export function versionState(times: VersionTimes, now: number): VersionState {
  let state: VersionState = 'prepared';
  for (const { event, at } of eventsOf(times)) if (now >= at) state = nextVersionState(state, event) ?? state;
  return state;
}

/**
 * Where a version stands among those of its group.
 * @param known versions of the group, in any order
 * @param now Unix milliseconds
 */
export const stateAmong = (
  { version, activateAt }: Pick<Statement, 'version' | 'activateAt'>,
  known: readonly Pick<Statement, 'version' | 'activateAt'>[],
  now: number,
): VersionState => versionState({ activateAt, supersededAt: supersededAt(version, known) }, now);
