import { createHash } from 'node:crypto';
import { currentStep, currentTraceparent, lastStep, parseTraceparent } from '@cpns/telemetry';
import { Metadata } from '@grpc/grpc-js';
import { METADATA, type MethodShape } from '../definitions';
import type { CallContext } from '../server/call-context';

export interface CallOptions {
  /** Milliseconds from now; Infinity for none. Streams have none by default. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** The call that this one is made for: it ends with it, and before its deadline. */
  readonly within?: CallContext;
  /** Makes `cpns-proof-bin` over the bytes as they are sent: full path, SHA-256 of the message. */
  readonly proof?: (method: string, requestDigest: Buffer) => Buffer;
  /** Makes `cpns-entity-proof-bin` in the same way, for calls that need one. */
  readonly entityProof?: (method: string, requestDigest: Buffer) => Buffer | undefined;
  readonly metadata?: Readonly<Record<string, string | Buffer>>;
}

/** What is left of the caller's deadline for the way back, milliseconds. */
const RETURN_MARGIN_MS = 100;

/** How a call may be ended from our side, and whether it was. */
export interface Ending {
  readonly signals: readonly AbortSignal[];
  cancelled: boolean;
}

export function endingOf({ signal, within }: CallOptions): Ending {
  const signals = [signal, within?.signal].filter((one) => one !== undefined);
  return { signals, cancelled: signals.some((one) => one.aborted) };
}

interface Cancellable {
  cancel(): void;
  on(event: 'status', listener: () => void): unknown;
}

export function cancelWith(ending: Ending, call: Cancellable): void {
  const cancel = () => {
    ending.cancelled = true;
    call.cancel();
  };
  if (ending.cancelled) return call.cancel();
  for (const signal of ending.signals) signal.addEventListener('abort', cancel, { once: true });
  call.on('status', () => {
    for (const signal of ending.signals) signal.removeEventListener('abort', cancel);
  });
}

export function deadlineOf({ deadlineMs, within }: CallOptions, byDefault: number): number {
  return Math.min(Date.now() + (deadlineMs ?? byDefault), (within?.deadline ?? Infinity) - RETURN_MARGIN_MS);
}

export function metadataOf({ path }: MethodShape, bytes: Buffer | undefined, options: CallOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  const traceparent = currentTraceparent();
  if (traceparent !== '') metadata.set(METADATA.traceparent, traceparent);
  const step = lastStep();
  if (step !== '') metadata.set(METADATA.step, step);
  const flow = currentStep()?.flow;
  if (flow !== undefined) metadata.set(METADATA.flow, flow);
  const { proof, entityProof } = options;
  if (bytes === undefined || (proof === undefined && entityProof === undefined)) return metadata;
  const digest = createHash('sha256').update(bytes).digest();
  if (proof !== undefined) metadata.set(METADATA.proof, proof(path, digest));
  const own = entityProof?.(path, digest);
  if (own !== undefined) metadata.set(METADATA.entityProof, own);
  return metadata;
}

export function stepOf(metadata: Metadata): string {
  const [step] = metadata.get(METADATA.step);
  return typeof step === 'string' && parseTraceparent(step) !== undefined ? step : '';
}
