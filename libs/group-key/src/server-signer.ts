/**
 * Who signs for the CPNS Server, and how a receiver comes to believe it: statements here, and the Server's answer to a
 * registration in the same way.
 */
import { parseCertificate, verifyChain } from '@cpns/certificate-issuance';
import { unauthenticated, type Clock, serviceUri } from '@cpns/core';
import { sha256 } from '@cpns/key-derivation';
import { LRUCache } from 'lru-cache';
import type { KeyObject } from 'node:crypto';
import { requireStatementSignature, type Statement } from './statement';

/** Name of the service that signs for a trust domain. */
export const SIGNING_SERVICE = 'cpns-server';

export interface ServerSignerRequest {
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

export interface StatementVerifierOptions {
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
