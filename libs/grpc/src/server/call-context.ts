import { CpnsError, unauthenticated } from '@cpns/core';
import type { Logger } from '@cpns/telemetry';
import type { Peer, ProvenCaller } from '../peer';

/** An entity of a PN that a certificate or a proof has shown. */
export interface CallerEntity {
  /** E. */
  readonly entity: string;
  /** Or empty. */
  readonly user: string;
  /** How it was shown: 16 bytes of key-id, or the 32 bytes of its certificate's SHA-256. */
  readonly by:
    { readonly kind: 'proof'; readonly keyId: Buffer } | { readonly kind: 'certificate'; readonly digest: Buffer };
}

/** What a handler knows of the call it answers. */
export interface CallContext {
  /** Full gRPC path, as protocol formulas have it. */
  readonly method: string;
  /** Undefined on a port without client certificates. */
  readonly peer: Peer | undefined;
  /** Undefined where the call needed no proof. */
  readonly proven: ProvenCaller | undefined;
  /** Unix milliseconds; Infinity when the caller set none. */
  readonly deadline: number;
  /** Unix milliseconds when the call came in. */
  readonly receivedAt: number;
  /** Aborted, with a CpnsError as reason, when the caller went away, the deadline passed or the service stops. */
  readonly signal: AbortSignal;
  /**
   * Resolves when the port knows that the peer may still act, and rejects when it may not. It is known before a handler
   * begins, but for the RPCs that asked to begin beside it; nothing they answer leaves before.
   */
  readonly standing: Promise<void>;
  /** The first message as received; empty before it came. */
  readonly requestBytes: Buffer;
  /** The metadata `cpns-entity-proof-bin` as received, at most 1,024 bytes. */
  readonly entityProof: Buffer | undefined;
  readonly logger: Logger;
  /** @throws CpnsError PEER_CERTIFICATE_REQUIRED */
  requirePeer(): Peer;
  /** The entity behind a proof or a target entity's certificate. @throws CpnsError PROOF_MISSING */
  requireEntity(): CallerEntity;
}

/** A call that answers with many messages. */
export interface ServerStreamContext<Response> extends CallContext {
  /** Resolves when the transport took the message, which is when the next may be made. Rejects once the call has ended. */
  write(message: Response): Promise<void>;
}

/** A call in which both sides send many messages. */
export interface DuplexContext<Request, Response> extends ServerStreamContext<Response> {
  /** Ends when the caller ends its side; throws when the call ends otherwise. One reader. */
  readonly requests: AsyncIterable<Request>;
}

export interface CallFacts {
  readonly method: string;
  readonly deadline: number;
  readonly receivedAt: number;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

const NOTHING = Buffer.alloc(0);
const KNOWN = Promise.resolve();

/** The parts of a {@link CallContext} that become known one after another. */
export class ServerCallContext implements CallContext {
  readonly method: string;
  readonly deadline: number;
  readonly receivedAt: number;
  readonly logger: Logger;
  // not a private name: streams are given an object that has this one behind it
  private readonly facts: Pick<CallFacts, 'signal'>;
  peer: Peer | undefined = undefined;
  proven: ProvenCaller | undefined = undefined;
  standing: Promise<void> = KNOWN;
  requestBytes: Buffer = NOTHING;
  entityProof: Buffer | undefined = undefined;

  constructor(facts: CallFacts) {
    this.method = facts.method;
    this.deadline = facts.deadline;
    this.receivedAt = facts.receivedAt;
    this.logger = facts.logger;
    this.facts = facts;
  }

  /** Made when it is first asked for, which most calls never do. */
  get signal(): AbortSignal {
    return this.facts.signal;
  }

  requirePeer(): Peer {
    if (this.peer === undefined)
      throw unauthenticated('PEER_CERTIFICATE_REQUIRED', 'call this on the port that asks for a client certificate');
    return this.peer;
  }

  requireEntity(): CallerEntity {
    if (this.proven !== undefined) {
      const { entity, user, keyId } = this.proven;
      return { entity, user, by: { kind: 'proof', keyId } };
    }
    if (this.peer?.role === 'target-entity') {
      const { uri, user, fingerprint } = this.peer;
      return { entity: uri, user, by: { kind: 'certificate', digest: fingerprint } };
    }
    throw unauthenticated('PROOF_MISSING', 'this call needs a proof or a target entity’s certificate');
  }
}

/** What a signal says about why it was aborted. */
export function abortReason(signal: AbortSignal): CpnsError {
  const reason: unknown = signal.reason;
  return reason instanceof CpnsError ? reason : new CpnsError('CALL_CANCELLED', 'the caller went away');
}
