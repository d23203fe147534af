import { CpnsError, invalidArgument, type Clock } from '@cpns/core';
import {
  contextFrom,
  endSpan,
  isRecording,
  lastStep,
  parseTraceparent,
  tracer,
  withinCall,
  type Logger,
} from '@cpns/telemetry';
import { Metadata, status as Status, type ServerInterceptingCallInterface, type StatusObject } from '@grpc/grpc-js';
import { context, ROOT_CONTEXT, SpanKind, trace, type Context, type Span } from '@opentelemetry/api';
import { createHash } from 'node:crypto';
import { MAX_PROOF_BYTES, METADATA } from '../definitions';
import { errorOfStatus, toCpnsError, toStatus } from '../errors';
import type { ProofVerifier } from '../peer';
import { ServerCallContext } from './call-context';
import type { BoundMethod } from './handlers';
import type { Verdict } from './port-rules';

/** What grpc-js lets a status leave out. */
type PartialStatus = Parameters<ServerInterceptingCallInterface['sendStatus']>[0];

export interface IncomingCallOptions {
  readonly method: string;
  readonly streaming: boolean;
  readonly verdict: Verdict;
  readonly clock: Clock;
  /** Names the method already. */
  readonly logger: Logger;
  readonly ended: (call: IncomingCall) => void;
}

const textOf = (metadata: Metadata, name: string): string => {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : '';
};

/** @throws CpnsError MALFORMED_MESSAGE */
function proofIn(metadata: Metadata, name: string): Buffer | undefined {
  const proofs = metadata.get(name);
  const [proof] = proofs;
  if (proof === undefined) return undefined;
  if (proofs.length > 1 || !Buffer.isBuffer(proof) || proof.length > MAX_PROOF_BYTES)
    throw invalidArgument('MALFORMED_MESSAGE', `${name} is sent once, at most ${MAX_PROOF_BYTES} bytes`);
  return proof;
}

/** An AbortController that is made for its first listener. */
class LazyAbort {
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}

/** One call from its headers to its status. Everything that any part of the server knows of it is here. */
export class IncomingCall {
  readonly context: ServerCallContext;
  readonly verdict: Verdict;
  readonly streaming: boolean;
  readonly transport: ServerInterceptingCallInterface;
  readonly #options: IncomingCallOptions;
  readonly #abort = new LazyAbort();
  #span: Span | undefined;
  #otel: Context = ROOT_CONTEXT;
  #stepBefore = '';
  #askedFlow = '';
  #lastStep = '';
  #proof: Buffer | undefined;
  #error: CpnsError | undefined;
  #ended = false;

  constructor(transport: ServerInterceptingCallInterface, options: IncomingCallOptions) {
    this.transport = transport;
    this.verdict = options.verdict;
    this.streaming = options.streaming;
    this.#options = options;
    const abort = this.#abort;
    this.context = new ServerCallContext({
      method: options.method,
      deadline: Number(transport.getDeadline()),
      receivedAt: options.clock.now(),
      get signal() {
        return abort.signal;
      },
      logger: options.logger,
    });
    this.#decorateStatus();
  }

  // grpc-js sends what it finds out by itself (message too large, undecodable, deadline) from inside this object and past
  // every interceptor; so the status is decorated where all of them come by.
  #decorateStatus(): void {
    const send = this.transport.sendStatus.bind(this.transport);
    this.transport.sendStatus = (status) => {
      const decorated = this.#decorated(status);
      this.#finish(decorated.code === Status.OK);
      send(decorated);
    };
  }

  #decorated(status: PartialStatus): PartialStatus {
    const code = status.code ?? Status.UNKNOWN;
    const hasStep = this.#lastStep !== '' && this.#lastStep !== this.#stepBefore;
    if (code === Status.OK && !hasStep) return status;
    const metadata = status.metadata?.clone() ?? new Metadata();
    if (hasStep) metadata.set(METADATA.step, this.#lastStep);
    if (code === Status.OK || metadata.get(METADATA.status).length > 0) return { ...status, metadata };
    this.#error ??= errorOfStatus({ code, details: status.details ?? '' });
    const own = toStatus(this.#error);
    own.metadata.merge(metadata);
    return own;
  }

  /** Trace context and proof out of the request's metadata: once, before anything is decided. */
  begin(metadata: Metadata): void {
    const parent = contextFrom(textOf(metadata, METADATA.traceparent));
    const step = textOf(metadata, METADATA.step);
    this.#stepBefore = parseTraceparent(step) === undefined ? '' : step;
    this.#askedFlow = textOf(metadata, METADATA.flow);
    this.#otel = isRecording() ? this.#startSpan(parent) : parent;
    this.#proof = proofIn(metadata, METADATA.proof);
    this.context.entityProof = proofIn(metadata, METADATA.entityProof);
  }

  #startSpan(parent: Context): Context {
    const { method } = this.context;
    const [, service = '', name = ''] = method.split('/');
    const attributes = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': name };
    this.#span = tracer().startSpan(method, { kind: SpanKind.SERVER, attributes }, parent);
    return trace.setSpan(parent, this.#span);
  }

  get hasProof(): boolean {
    return this.#proof !== undefined;
  }

  get hasToProve(): boolean {
    return this.verdict.kind === 'served' && this.verdict.needsProof;
  }

  /** The proof of the caller, over the one message of a call that needs it. */
  async prove(bytes: Buffer, { path }: BoundMethod, verifyProof: ProofVerifier | undefined): Promise<void> {
    if (this.#proof === undefined || verifyProof === undefined) return;
    this.context.proven = await verifyProof(this.#proof, path, createHash('sha256').update(bytes).digest());
  }

  /** Message bytes to a request: size and form. */
  decode(bytes: Buffer, { shape, maxRequestBytes }: BoundMethod): unknown {
    if (maxRequestBytes !== undefined && bytes.length > maxRequestBytes)
      throw new CpnsError(
        'MESSAGE_TOO_LARGE',
        `the message has ${bytes.length} bytes, ${maxRequestBytes} are allowed`,
        {
          metadata: { limit_bytes: String(maxRequestBytes) },
        },
      );
    if (this.context.requestBytes.length === 0) this.context.requestBytes = bytes;
    try {
      return shape.requestDeserialize(bytes);
    } catch (error) {
      throw invalidArgument('MALFORMED_MESSAGE', 'the message does not decode', { cause: error });
    }
  }

  /** Runs a handler in the call's trace and step chain. */
  run<T>(fn: () => Promise<T>): Promise<T> {
    return this.#inTrace(() =>
      withinCall(this.#stepBefore, this.#askedFlow, async () => {
        try {
          return await fn();
        } finally {
          this.#lastStep = lastStep();
        }
      }),
    );
  }

  /** The context of the call, where it is not the running one anyway: to enter it has its price. */
  #inTrace<T>(fn: () => T): T {
    return context.active() === this.#otel ? fn() : context.with(this.#otel, fn);
  }

  /** The status for a failure of the handler; its cause goes to the log and no further. */
  failure(error: unknown): StatusObject {
    this.#error = toCpnsError(error);
    return toStatus(this.#error);
  }

  /** Ends the call from outside its handler, which learns of it by the signal. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.transport.sendStatus(this.failure(error));
    this.#abort.abort(this.#error);
  }

  /** The transport has no more use for the call: it was cancelled, or its status is on its way. */
  closed(): void {
    if (!this.#ended) {
      this.#error = new CpnsError('CALL_CANCELLED', 'the caller went away');
      this.#finish(false);
    }
    if (this.#error !== undefined) this.#abort.abort(this.#error);
  }

  #finish(ok: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.ended(this);
    if (this.#span !== undefined) endSpan(this.#span, ok ? undefined : (this.#error ?? new Error('unknown')));
    if (!ok || this.context.logger.enabled('debug')) this.#inTrace(() => this.#log(ok));
  }

  #log(ok: boolean): void {
    const { peer, proven, receivedAt, logger } = this.context;
    const facts = {
      caller: peer?.uri ?? proven?.entity ?? 'anonymous',
      durationMs: this.#options.clock.now() - receivedAt,
    };
    if (ok) logger.debug('call answered', facts);
    else if (this.#error?.code === 'INTERNAL') logger.error('call failed', { ...facts, error: this.#error });
    else {
      const { code, reason, message } = this.#error ?? {};
      logger.info('call refused', { ...facts, code, reason, detail: message });
      if (this.#error?.cause !== undefined) logger.debug('call refused because', { error: this.#error });
    }
  }
}
