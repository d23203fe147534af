/** CpnsError to gRPC status and back. What is not a CpnsError never leaves the process with its own words. */
import { Any, ErrorInfo, RpcStatus } from '@cpns/contracts';
import { CpnsError, isReason, REASONS, type Code, type Reason } from '@cpns/core';
import { Metadata, status as Status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { METADATA } from './definitions';

const DOMAIN = 'cpns';
const TYPE_URL = 'type.googleapis.com/google.rpc.ErrorInfo';
/** HTTP/2 peers commonly refuse header lists over 8 KiB; ours stay far below. In characters. */
const MAX_MESSAGE = 512;
const MAX_METADATA_VALUE = 256;
const MAX_METADATA_ENTRIES = 16;

/** Numbers of the codes, https://grpc.io/docs/guides/status-codes. */
export const GRPC_CODES: Readonly<Record<Code, Status>> = {
  INVALID_ARGUMENT: Status.INVALID_ARGUMENT,
  UNAUTHENTICATED: Status.UNAUTHENTICATED,
  PERMISSION_DENIED: Status.PERMISSION_DENIED,
  NOT_FOUND: Status.NOT_FOUND,
  ALREADY_EXISTS: Status.ALREADY_EXISTS,
  FAILED_PRECONDITION: Status.FAILED_PRECONDITION,
  RESOURCE_EXHAUSTED: Status.RESOURCE_EXHAUSTED,
  ABORTED: Status.ABORTED,
  UNAVAILABLE: Status.UNAVAILABLE,
  DEADLINE_EXCEEDED: Status.DEADLINE_EXCEEDED,
  UNIMPLEMENTED: Status.UNIMPLEMENTED,
  INTERNAL: Status.INTERNAL,
  CANCELLED: Status.CANCELLED,
};

/** The failure as a caller may see it; the original stays behind as its cause. */
export function toCpnsError(error: unknown): CpnsError {
  if (error instanceof CpnsError) return error;
  return new CpnsError('INTERNAL', 'the service failed; its log has the cause', { cause: error });
}

/** Metadata of a refusal that is about the certificate of the very caller, whatever the message speaks of. */
const CALLERS_CERTIFICATE = { certificate: 'caller' } as const;

/** The same refusal, marked as one of who called: {@link isAboutOwnCertificate} sees it at the other end. */
export function aboutCallersCertificate(error: unknown): unknown {
  if (!(error instanceof CpnsError) || !['UNAUTHENTICATED', 'PERMISSION_DENIED'].includes(error.code)) return error;
  const metadata = { ...error.metadata, ...CALLERS_CERTIFICATE };
  return new CpnsError(error.reason, error.message, { metadata, cause: error.cause });
}

/** Marks a refusal of the certificate of the gateway that relayed: the one who asked about it passes the refusal on. */
export const RELAYS_CERTIFICATE = { certificate: 'relay' } as const;

/** True for a refusal of the certificate that this process called with, by its peer or by one behind it. */
export const isAboutOwnCertificate = (error: unknown): boolean =>
  error instanceof CpnsError &&
  [CALLERS_CERTIFICATE, RELAYS_CERTIFICATE].some(({ certificate }) => error.metadata.certificate === certificate);

// A lone surrogate would make the header encoder throw.
const sendable = (text: string, limit: number) =>
  Buffer.from(text.length <= limit ? text : `${text.slice(0, limit)}…`, 'utf8').toString('utf8');

function errorInfo(error: CpnsError): ErrorInfo {
  const entries = Object.entries(error.metadata).slice(0, MAX_METADATA_ENTRIES);
  return {
    reason: error.reason,
    domain: DOMAIN,
    metadata: Object.fromEntries(entries.map(([name, value]) => [name, sendable(value, MAX_METADATA_VALUE)])),
  };
}

/** A gRPC status with `google.rpc.Status` in its trailers. */
export function toStatus(error: CpnsError): StatusObject {
  const code = GRPC_CODES[error.code];
  const message = sendable(error.message, MAX_MESSAGE);
  const value = Buffer.from(ErrorInfo.encode(errorInfo(error)).finish());
  const details = RpcStatus.encode({ code, message, details: [Any.create({ typeUrl: TYPE_URL, value })] }).finish();
  const metadata = new Metadata();
  metadata.set(METADATA.status, Buffer.from(details));
  return { code, details: message, metadata };
}

/** How a status that the gRPC library made by itself reads in our list. First match wins. */
const LIBRARY_STATUSES: readonly { code: Status; text?: RegExp; reason: Reason; message: string }[] = [
  {
    code: Status.INTERNAL,
    text: /^(Error deserializing request|Failed to decompress|Invalid grpc-timeout)/,
    reason: 'MALFORMED_MESSAGE',
    message: 'the message does not decode',
  },
  {
    code: Status.UNIMPLEMENTED,
    text: /^Received (no|a second) request message/,
    reason: 'MALFORMED_MESSAGE',
    message: 'the call carries another number of messages than one',
  },
  { code: Status.UNIMPLEMENTED, reason: 'UNIMPLEMENTED', message: 'this port does not serve that call' },
  { code: Status.RESOURCE_EXHAUSTED, reason: 'MESSAGE_TOO_LARGE', message: 'the message is over the limit' },
  { code: Status.DEADLINE_EXCEEDED, reason: 'DEADLINE', message: 'the deadline passed' },
  { code: Status.CANCELLED, reason: 'CALL_CANCELLED', message: 'the call was cancelled' },
  { code: Status.UNAVAILABLE, reason: 'DEPENDENCY_UNAVAILABLE', message: 'the service cannot answer' },
  { code: Status.NOT_FOUND, reason: 'NOT_FOUND', message: 'nothing of that name' },
];

/** For a status without our details: library-made, or of a service that is not ours. */
export function errorOfStatus(status: { code: Status; details: string }): CpnsError {
  const row = LIBRARY_STATUSES.find(
    ({ code, text }) => code === status.code && (text === undefined || text.test(status.details)),
  );
  if (row === undefined) return toCpnsError(new Error(`status ${status.code}: ${status.details}`));
  return new CpnsError(row.reason, row.message);
}

function decodeDetails(bytes: Buffer): ErrorInfo | undefined {
  try {
    const any = RpcStatus.decode(bytes).details.find((detail) => detail.typeUrl === TYPE_URL);
    return any === undefined ? undefined : ErrorInfo.decode(any.value);
  } catch {
    // Details that do not decode say nothing; the code beside them still does, and is used instead.
    return undefined;
  }
}

function ownError(error: ServiceError): CpnsError | undefined {
  const [bytes] = error.metadata.get(METADATA.status);
  const info = Buffer.isBuffer(bytes) ? decodeDetails(bytes) : undefined;
  if (info?.domain !== DOMAIN || !isReason(info.reason)) return undefined;
  // a peer that pairs a reason with another code is not speaking our protocol
  if (GRPC_CODES[REASONS[info.reason].code] !== error.code) return undefined;
  return new CpnsError(info.reason, error.details, { metadata: info.metadata });
}

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;

export interface ErrorOrigin {
  /** Whom the call was for, as an operator knows it. */
  readonly dependency?: string;
  /** True when we ended the call ourselves. */
  readonly cancelled?: boolean;
}

const dependencyDown = (error: Error, { dependency }: ErrorOrigin) =>
  new CpnsError('DEPENDENCY_UNAVAILABLE', `${dependency ?? 'a service that is needed'} does not answer; try again`, {
    ...(dependency === undefined ? {} : { metadata: { dependency } }),
    cause: error,
  });

/**
 * The error that the called service meant, code, reason and metadata restored. A connection that fails, a call that is
 * cut off and a deadline that passes all mean for the caller that a dependency does not answer, which is UNAVAILABLE.
 */
export function fromServiceError(error: unknown, origin: ErrorOrigin = {}): CpnsError {
  if (error instanceof CpnsError || !isServiceError(error)) return toCpnsError(error);
  if (error.code === Status.DEADLINE_EXCEEDED) return dependencyDown(error, origin);
  const own = ownError(error);
  if (own !== undefined) return own;
  if (error.code === Status.CANCELLED && origin.cancelled === true) return errorOfStatus(error);
  const cutOff =
    error.code === Status.CANCELLED || (error.code === Status.INTERNAL && error.details.includes('RST_STREAM'));
  if (error.code === Status.UNAVAILABLE || cutOff) return dependencyDown(error, origin);
  const { reason, message } = errorOfStatus(error);
  return new CpnsError(reason, message, { cause: error });
}
