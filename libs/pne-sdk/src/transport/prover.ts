/**
 * Proofs of a live key (protocol.md, "Proof of a secret, on each call", "An entity's own proof", "Clock"): to the gateway in
 * form secret, and in both forms to the service behind it that decides.
 */
import { PnGatewayServiceService } from '@cpns/contracts';
import { type Clock, CpnsError, NONCE_BYTES, parseEntityUri, type Random, serviceUri } from '@cpns/core';
import type { CallOptions } from '@cpns/grpc';
import { deriveConfirmKey, makeProof, provenVerifierTime } from '@cpns/key-derivation';
import type { LiveKey } from '../state/device-state';

const { joinServiceGroup, leaveServiceGroup, reportCapabilities } = PnGatewayServiceService;

/** The service that decides on a call, which the entity proves its key to. */
const DECIDES: ReadonlyMap<string, string> = new Map([
  [joinServiceGroup.path, 'smf'],
  [leaveServiceGroup.path, 'smf'],
  [reportCapabilities.path, 'cpns-server'],
]);

/** So many proofs are remembered until their answers come. */
const MADE_MAX = 64;

/** What is known of one verifier. */
interface Verifier {
  /** Its time less this device's, milliseconds. */
  difference: number;
  /** Time of the last proof for it, Unix milliseconds: a service takes requests in this order only. */
  last: number;
}

export class Prover {
  readonly #confirmKey;
  readonly #verifiers = new Map<string, Verifier>();
  readonly #made: { readonly audience: string; readonly nonce: Uint8Array }[] = [];

  constructor(
    private readonly live: LiveKey,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {
    this.#confirmKey = deriveConfirmKey(live.secret);
  }

  /** What goes with each call: new proofs. */
  get authentication(): CallOptions {
    const { form, gateway, entity } = this.live;
    const { trustDomain } = parseEntityUri(entity);
    return {
      ...(form === 'secret' && { proof: (method, digest) => this.#prove(gateway, method, digest) }),
      entityProof: (method, digest) => {
        const service = DECIDES.get(method);
        return service === undefined ? undefined : this.#prove(serviceUri(trustDomain, service), method, digest);
      },
    };
  }

  #prove(audience: string, method: string, requestDigest: Buffer): Buffer {
    const verifier = this.#verifiers.get(audience) ?? { difference: 0, last: 0 };
    verifier.last = Math.max(this.clock.now() + verifier.difference, verifier.last + 1);
    this.#verifiers.set(audience, verifier);
    const nonce = this.random.bytes(NONCE_BYTES);
    if (this.#made.push({ audience, nonce }) > MADE_MAX) this.#made.shift();
    const { keyId, entity } = this.live;
    const fields = { keyId, entity, timeMs: verifier.last, nonce };
    return makeProof(this.#confirmKey, fields, { audience, method, requestDigest });
  }

  /**
   * Takes over the clock of a verifier from its refusal of a proof, for proofs to that verifier alone. A time without the
   * MAC of this key is not believed: a gateway could have proofs made for a later day.
   * @returns whether it was taken over, and the call may be made anew
   */
  learnClock(error: unknown): boolean {
    if (!(error instanceof CpnsError) || error.reason !== 'PROOF_OUTSIDE_WINDOW') return false;
    for (const { audience, nonce } of this.#made) {
      const time = provenVerifierTime(this.#confirmKey, audience, nonce, error.metadata);
      if (time === undefined) continue;
      this.#verifiers.set(audience, { difference: time - this.clock.now(), last: 0 });
      return true;
    }
    return false;
  }
}
