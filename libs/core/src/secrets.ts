import { createPrivateKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/**
 * A secret of a fixed size. One subclass per secret of the protocol, so that two of them cannot be swapped: the
 * compiler tells them apart by `kind`, and so does a stack trace. It prints as `[redacted]` wherever it is turned
 * into text; {@link Secret.expose} is the only way to its bytes and is what a reviewer searches for.
 */
export abstract class Secret {
  abstract readonly kind: string;
  readonly #bytes: Buffer;

  /**
   * @param bytes copied, so that a caller who wipes or reuses its buffer changes nothing here
   * @param size what the protocol says, in bytes
   * @throws RangeError for another size: a programming error, since messages are checked before this
   */
  protected constructor(bytes: Uint8Array, size: number) {
    if (bytes.length !== size) throw new RangeError(`a ${new.target.name} has ${size} bytes, not ${bytes.length}`);
    this.#bytes = Buffer.allocUnsafe(size);
    this.#bytes.set(bytes);
  }

  /** The bytes themselves, not a copy: for a formula or for sealing, never for a message in the clear. */
  expose(): Buffer {
    return this.#bytes;
  }

  /** Comparison in constant time. */
  equals(other: this): boolean {
    return timingSafeEqual(this.#bytes, other.expose());
  }

  /** Overwrites the bytes; the secret is unusable afterwards. What the engine copied elsewhere is out of our reach. */
  destroy(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return `${this.constructor.name} ${REDACTED}`;
  }
}

/** Size of every symmetric secret of the protocol, in bytes. */
export const SECRET_BYTES = 32;

/** T: the secret of a one-time string. It never travels (protocol.md, "Admission"). */
export class TokenSecret extends Secret {
  readonly kind = 'TokenSecret';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** A: what the verifier of a token keeps, derived from T; or, in a renewal, from S. */
export class TokenAuthKey extends Secret {
  readonly kind = 'TokenAuthKey';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** P: the HPKE pre-shared key of an assignment, derived from A. */
export class TokenPsk extends Secret {
  readonly kind = 'TokenPsk';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** 1st seed: shared by the CPNS Server and one PN GW for one epoch (5.3.1.12.5.2 b, B.1.2 steps 2-3). */
export class FirstSeed extends Secret {
  readonly kind = 'FirstSeed';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** 2nd seed: made by the PN GW for one target entity and given to the Server by that entity (B.1.2 step 5). */
export class SecondSeed extends Secret {
  readonly kind = 'SecondSeed';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** S: the Entity-User Key in the form of a shared secret, or the secret that both sides export for a certificate. */
export class EntityUserKey extends Secret {
  readonly kind = 'EntityUserKey';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** Derived from S: authenticates registrations, renewals and the proof on each call. */
export class ConfirmKey extends Secret {
  readonly kind = 'ConfirmKey';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** Derived from S per group and version: wraps a Group Key for one member. */
export class WrapKey extends Secret {
  readonly kind = 'WrapKey';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** The Group Key of one Service Group and version (5.3.1.12.6.1). */
export class GroupKey extends Secret {
  readonly kind = 'GroupKey';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** Seals a service's records at rest; random, versioned, wrapped by the master key (protocol.md, "At rest"). */
export class DataKey extends Secret {
  readonly kind = 'DataKey';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** A service's master key, where it is held in a file rather than in a token: it only wraps data keys. */
export class MasterKey extends Secret {
  readonly kind = 'MasterKey';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}

/** Private keys in PKCS #8 DER, of whatever size their algorithm gives them. */
export class PrivateKeyDer extends Secret {
  readonly kind = 'PrivateKeyDer';
  #keyObject: KeyObject | undefined;
  constructor(bytes: Uint8Array) {
    super(bytes, bytes.length);
  }

  /** To sign with. It is parsed once, which takes longer than a signature. @throws Error when the bytes are no key */
  get keyObject(): KeyObject {
    return (this.#keyObject ??= createPrivateKey({ key: this.expose(), format: 'der', type: 'pkcs8' }));
  }

  override destroy(): void {
    super.destroy();
    this.#keyObject = undefined;
  }
}

/** The private half of a one-time HPKE key: a P-256 scalar, big-endian (RFC 9180, 7.1.2); kept until the reply is opened. */
export class HpkePrivateKey extends Secret {
  readonly kind = 'HpkePrivateKey';
  constructor(bytes: Uint8Array) {
    super(bytes, SECRET_BYTES);
  }
}
