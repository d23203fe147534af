import { REASONS, type Code, type Reason } from './reasons';

/** What a CPNS error tells the caller besides its reason: field names, limits, times; never a secret, never internals. */
export type ErrorMetadata = Readonly<Record<string, string>>;

/**
 * Every failure that a caller may see. `code` and `reason` are stable and closed (see reasons.ts), the message tells
 * the caller what to do, and `cause` stays inside the process: it is logged and never sent.
 */
export class CpnsError extends Error {
  override readonly name = 'CpnsError';
  readonly code: Code;
  readonly reason: Reason;
  readonly metadata: ErrorMetadata;

  constructor(reason: Reason, message: string, options: { metadata?: ErrorMetadata; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = REASONS[reason].code;
    this.metadata = options.metadata ?? {};
  }
}

/** Reasons that answer with one particular code: a call site names its fault once, and the compiler checks that they agree. */
export type ReasonOf<C extends Code> = {
  [R in Reason]: (typeof REASONS)[R]['code'] extends C ? R : never;
}[Reason];

type Options = ConstructorParameters<typeof CpnsError>[2];

/** The message itself is wrong; the same message never succeeds. */
export const invalidArgument = (reason: ReasonOf<'INVALID_ARGUMENT'>, message: string, options?: Options) =>
  new CpnsError(reason, message, options);
/** The caller has not shown who it is. */
export const unauthenticated = (reason: ReasonOf<'UNAUTHENTICATED'>, message: string, options?: Options) =>
  new CpnsError(reason, message, options);
/** The caller is known and may not do this. */
export const permissionDenied = (reason: ReasonOf<'PERMISSION_DENIED'>, message: string, options?: Options) =>
  new CpnsError(reason, message, options);
/** The message is right, the state of the system does not allow it. */
export const failedPrecondition = (reason: ReasonOf<'FAILED_PRECONDITION'>, message: string, options?: Options) =>
  new CpnsError(reason, message, options);
/** A dependency is down; the same call may succeed later. */
export const unavailable = (reason: ReasonOf<'UNAVAILABLE'>, message: string, options?: Options) =>
  new CpnsError(reason, message, options);

/** Whether the same call, or the same entry of a log, may succeed later: by its reason, where it has one. */
export const mayRetry = (error: unknown): boolean => !(error instanceof CpnsError) || REASONS[error.reason].retry;
/** True for what is wrong in itself, however often it is tried: a log of such entries is worked off past them. */
export const isRefusal = (error: unknown): error is CpnsError => !mayRetry(error);

/** True for the names of {@link REASONS}. */
export const isReason = (value: string): value is Reason => Object.hasOwn(REASONS, value);
