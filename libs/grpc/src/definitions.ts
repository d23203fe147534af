/**
 * What the generated service definitions look like to code that works on any of them. Handlers and clients are typed from
 * the definition itself, so the compiler proves that each RPC has a handler and that messages are the right ones.
 */
export interface MethodShape {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: never) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (value: never) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

export type ServiceShape = Readonly<Record<string, MethodShape>>;

export type RequestOf<M extends MethodShape> = ReturnType<M['requestDeserialize']>;
export type ResponseOf<M extends MethodShape> = ReturnType<M['responseDeserialize']>;

/** Which of three forms a method has; CPNS has no client-streaming RPC. */
export type Form<M extends MethodShape, Unary, ServerStream, Duplex> = M['requestStream'] extends true
  ? M['responseStream'] extends true
    ? Duplex
    : never
  : M['responseStream'] extends true
    ? ServerStream
    : Unary;

/** `cpns.v1.KmcService` of `/cpns.v1.KmcService/CreateKey`. */
export function serviceOf(path: string): string {
  return path.slice(1, path.lastIndexOf('/'));
}

/** Bytes to bytes: encoding and decoding are done by us, where their failures can be told apart. */
export const asBytes = (bytes: Buffer): Buffer => bytes;

/** Metadata and trailer names of CPNS. */
export const METADATA = {
  /** Proof of a secret (docs/protocol.md, "Proof of a secret, on each call"). */
  proof: 'cpns-proof-bin',
  /** The entity's own proof to the service that decides (docs/protocol.md, "An entity's own proof"). */
  entityProof: 'cpns-entity-proof-bin',
  /** W3C Trace Context. */
  traceparent: 'traceparent',
  /** Traceparent of the newest flow step at the sender: in requests and in trailers. */
  step: 'cpns-step',
  /** Id of the flow in whose course a request is made: in requests. */
  flow: 'cpns-flow',
  /** google.rpc.Status, as every gRPC library has it. */
  status: 'grpc-status-details-bin',
} as const;

/** Default limit of a received message, in bytes. */
export const MAX_MESSAGE_BYTES = 262_144;
/** Limit of the proof metadata, in bytes. */
export const MAX_PROOF_BYTES = 1_024;
