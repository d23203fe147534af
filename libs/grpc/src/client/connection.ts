import { rpcKind } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { continueStepChain } from '@cpns/telemetry';
import { Client, credentials, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import {
  asBytes,
  MAX_MESSAGE_BYTES,
  type Form,
  type MethodShape,
  type RequestOf,
  type ResponseOf,
  type ServiceShape,
} from '../definitions';
import { fromServiceError } from '../errors';
import { cancelWith, deadlineOf, endingOf, metadataOf, stepOf, type CallOptions, type Ending } from './call-options';
import { serverIdentityCheck } from './peer-check';
import { incomingStream, twoWayStream, type IncomingStream, type TwoWayStream } from './streams';

/** PEM. Certificate (leaf first, with what leads to the root) and key go together. */
export interface ClientTls {
  readonly root: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
}

export interface ConnectionOptions {
  /** `host:port` */
  readonly address: string;
  readonly tls: ClientTls;
  /** URI of the peer that is meant, without a user. */
  readonly expectedPeer: string;
  /** DNS name that the peer's certificate must hold, where it is not the host of the address. */
  readonly serverName?: string;
  /** For calls that name none, milliseconds; 5,000 by default. */
  readonly deadlineMs?: number;
  /** Limit of a received message, in bytes; 262,144 by default. */
  readonly maxMessageBytes?: number;
}

/** The RPCs of a service as functions; each rejects with a CpnsError. */
export type ClientMethods<S extends ServiceShape> = {
  readonly [K in keyof S]: Form<
    S[K],
    (request: RequestOf<S[K]>, options?: CallOptions) => Promise<ResponseOf<S[K]>>,
    (request: RequestOf<S[K]>, options?: CallOptions) => IncomingStream<ResponseOf<S[K]>>,
    (options?: CallOptions) => TwoWayStream<RequestOf<S[K]>, ResponseOf<S[K]>>
  >;
};

const DEADLINE_MS = 5_000;
/** A peer that is back is found within this time, milliseconds: less than the 5 s in which health has to turn. */
const MAX_BACKOFF_MS = 2_000;
const MIN_BACKOFF_MS = 100;
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 4_000;

const hostOf = (address: string) => address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
const authorityOf = (uri: string) => /^cpns:\/\/([^/]+)\//.exec(uri)?.[1] ?? uri;

/** One TLS connection, made when it is first needed and remade when it breaks; any number of services over it. */
export class Connection {
  readonly #client: Client;
  readonly #options: ConnectionOptions;
  /** Why the last handshake was refused by us; grpc-js keeps only its text. */
  #wrongPeer: CpnsError | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { root, cert, key } = options.tls;
    const secureContext = createSecureContext({
      ca: root,
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
    });
    const host = options.serverName ?? hostOf(options.address);
    const check = serverIdentityCheck(host, options.expectedPeer);
    const checkServerIdentity: typeof check = (name, certificate) => {
      const error = check(name, certificate);
      this.#wrongPeer = error instanceof CpnsError ? error : undefined;
      return error;
    };
    // TLS forbids addresses as server names (RFC 6066, 3). The check above knows what was dialled and ignores this name.
    const sni = isIP(host) === 0 ? host : authorityOf(options.expectedPeer);
    this.#client = new Client(
      options.address,
      credentials.createFromSecureContext(secureContext, { checkServerIdentity }),
      {
        'grpc.ssl_target_name_override': sni,
        'grpc.max_receive_message_length': options.maxMessageBytes ?? MAX_MESSAGE_BYTES,
        'grpc.max_send_message_length': -1,
        'grpc.initial_reconnect_backoff_ms': MIN_BACKOFF_MS,
        'grpc.max_reconnect_backoff_ms': MAX_BACKOFF_MS,
        'grpc.keepalive_time_ms': KEEPALIVE_MS,
        'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
        'grpc.keepalive_permit_without_calls': 1,
        'grpc.use_local_subchannel_pool': 1,
        'grpc.service_config_disable_resolution': 1,
      },
    );
  }

  /** The peer that this connection is for. */
  get peer(): string {
    return this.#options.expectedPeer;
  }

  client<S extends ServiceShape>(service: S): ClientMethods<S> {
    const methods = Object.entries(service).map(([name, shape]) => [name, this.#method(shape)] as const);
    return Object.fromEntries(methods) as unknown as ClientMethods<S>;
  }

  /** Resolves when connected. @throws CpnsError DEPENDENCY_UNAVAILABLE or PEER_UNEXPECTED after `deadlineMs` */
  async ready(deadlineMs = this.#options.deadlineMs ?? DEADLINE_MS): Promise<void> {
    const error = await new Promise<Error | undefined>((resolve) =>
      this.#client.waitForReady(Date.now() + deadlineMs, resolve),
    );
    if (error !== undefined) throw this.#unavailable(error);
  }

  close(): void {
    this.#client.close();
  }

  #method(shape: MethodShape): unknown {
    const encode = shape.requestSerialize as (message: unknown) => Buffer;
    switch (rpcKind(shape)) {
      case 'unary':
        return (request: unknown, options?: CallOptions) => this.#unary(shape, encode(request), options ?? {});
      case 'server-stream':
        return (request: unknown, options?: CallOptions) => this.#serverStream(shape, encode(request), options ?? {});
      case 'bidi':
        return (options?: CallOptions) => this.#twoWay(shape, encode, options ?? {});
      case 'client-stream':
        throw new Error(`${shape.path}: client streaming is not part of these contracts`);
    }
  }

  async #unary(shape: MethodShape, bytes: Buffer, options: CallOptions): Promise<unknown> {
    const ending = endingOf(options);
    let step = '';
    try {
      const response = await new Promise<Buffer>((resolve, reject) => {
        const call = this.#client.makeUnaryRequest(
          shape.path,
          asBytes,
          asBytes,
          bytes,
          metadataOf(shape, bytes, options),
          { deadline: deadlineOf(options, this.#options.deadlineMs ?? DEADLINE_MS) },
          (error: ServiceError | null, value?: Buffer) => {
            if (value === undefined) reject(error ?? new Error('neither an answer nor an error'));
            else resolve(value);
          },
        );
        call.on('status', (status: StatusObject) => (step = stepOf(status.metadata)));
        cancelWith(ending, call);
      });
      continueStepChain(step);
      return shape.responseDeserialize(response);
    } catch (error) {
      throw this.#errorOf(error, ending);
    }
  }

  #serverStream(shape: MethodShape, bytes: Buffer, options: CallOptions): IncomingStream<unknown> {
    const ending = endingOf(options);
    const call = this.#client.makeServerStreamRequest(
      shape.path,
      asBytes,
      asBytes,
      bytes,
      metadataOf(shape, bytes, options),
      { deadline: deadlineOf(options, Infinity) },
    );
    cancelWith(ending, call);
    return cancellable(incomingStream(call, this.#codec(shape, ending)), ending);
  }

  #twoWay(
    shape: MethodShape,
    encode: (message: unknown) => Buffer,
    options: CallOptions,
  ): TwoWayStream<unknown, unknown> {
    const ending = endingOf(options);
    const call = this.#client.makeBidiStreamRequest(
      shape.path,
      asBytes,
      asBytes,
      metadataOf(shape, undefined, options),
      { deadline: deadlineOf(options, Infinity) },
    );
    cancelWith(ending, call);
    return cancellable(twoWayStream(call, { ...this.#codec(shape, ending), encode }), ending);
  }

  #codec(shape: MethodShape, ending: Ending) {
    return {
      encode: asBytes,
      decode: (bytes: Buffer) => shape.responseDeserialize(bytes),
      toError: (error: unknown) => this.#errorOf(error, ending),
    };
  }

  #errorOf(error: unknown, ending: Ending): CpnsError {
    const found = fromServiceError(error, { dependency: this.peer, cancelled: ending.cancelled });
    return found.reason === 'DEPENDENCY_UNAVAILABLE' ? (this.#wrongPeer ?? found) : found;
  }

  #unavailable(cause: Error): CpnsError {
    if (this.#wrongPeer !== undefined) return this.#wrongPeer;
    return new CpnsError('DEPENDENCY_UNAVAILABLE', `${this.peer} does not answer; try again`, {
      metadata: { dependency: this.peer },
      cause,
    });
  }
}

function cancellable<S extends IncomingStream<unknown>>(stream: S, ending: Ending): S {
  const cancel = () => {
    ending.cancelled = true;
    stream.cancel();
  };
  return { ...stream, cancel };
}

/** Nothing is dialled before the first call. */
export const connectTo = (options: ConnectionOptions): Connection => new Connection(options);
