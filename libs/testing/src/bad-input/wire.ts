import { ErrorInfo, RpcStatus, type Any } from '@cpns/contracts';
import type { ClientTls, MethodShape, RequestOf, ResponseOf } from '@cpns/grpc';
import {
  Client,
  credentials,
  Metadata,
  status as Status,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';

/** PEM; without a certificate, as clients of token ports dial. */
export type WireTls = ClientTls;

/** What a call was refused with, read off the wire; the project's own client would make its own words of it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    /** Name of the gRPC code. */
    readonly code: string,
    /** Of google.rpc.ErrorInfo; empty where the transport failed and no service answered. */
    readonly reason: string,
    readonly metadata: Readonly<Record<string, string>>,
    readonly details: string,
    /** From the call to its end, milliseconds. */
    readonly elapsedMs: number,
  ) {
    super(`${code}/${reason || 'no reason'}: ${details}`);
  }
}

export interface WireCallOptions {
  /** Milliseconds from now; 5,000 by default. */
  readonly deadlineMs?: number;
  readonly metadata?: Readonly<Record<string, Buffer>>;
}

const DEADLINE_MS = 5_000;
const STATUS_DETAILS = 'grpc-status-details-bin';
const asBytes = (bytes: Buffer): Buffer => bytes;

function refusalOf(error: ServiceError, elapsedMs: number): Refusal {
  const [bytes] = error.metadata.get(STATUS_DETAILS);
  const any = Buffer.isBuffer(bytes) ? RpcStatus.decode(bytes).details : [];
  const found = any.find(({ typeUrl }: Any) => typeUrl.endsWith('/google.rpc.ErrorInfo'));
  const info = found === undefined ? undefined : ErrorInfo.decode(found.value);
  return new Refusal(Status[error.code], info?.reason ?? '', info?.metadata ?? {}, error.details, elapsedMs);
}

/** A plain gRPC client on one port, which checks nothing of what it sends. */
export class Wire {
  readonly #client: Client;

  constructor(address: string, how: WireTls | ChannelCredentials) {
    const secure = 'root' in how ? credentials.createSsl(...pems(how)) : how;
    this.#client = new Client(address, secure, {
      // every service of a deployment on one machine is certified under this name
      'grpc.ssl_target_name_override': 'localhost',
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.service_config_disable_resolution': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
    });
  }

  /** Bytes in, bytes out. @throws Refusal */
  send(
    path: string,
    bytes: Buffer,
    { deadlineMs = DEADLINE_MS, metadata = {} }: WireCallOptions = {},
  ): Promise<Buffer> {
    const headers = new Metadata();
    for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
    const startedAt = Date.now();
    return new Promise<Buffer>((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        asBytes,
        asBytes,
        bytes,
        headers,
        { deadline: startedAt + deadlineMs },
        (error, response) => {
          if (response !== undefined) resolve(response);
          else reject(error === null ? new Error('no answer') : refusalOf(error, Date.now() - startedAt));
        },
      );
    });
  }

  /** One call of a method of the contracts. @throws Refusal */
  async call<M extends MethodShape>(
    method: M,
    request: RequestOf<M>,
    options?: WireCallOptions,
  ): Promise<ResponseOf<M>> {
    const encode = method.requestSerialize as (message: RequestOf<M>) => Buffer;
    const response = await this.send(method.path, Buffer.from(encode(request)), options);
    return method.responseDeserialize(response) as ResponseOf<M>;
  }

  /** A call whose messages go both ways; a path that answers with a stream takes it as well. */
  talk(path: string, { deadlineMs = DEADLINE_MS }: WireCallOptions = {}): Talk {
    const startedAt = Date.now();
    const deadline = startedAt + deadlineMs;
    return new Talk(
      this.#client.makeBidiStreamRequest(path, asBytes, asBytes, new Metadata(), { deadline }),
      startedAt,
    );
  }

  close(): void {
    this.#client.close();
  }
}

/** One call over which messages go both ways, as bytes. */
export class Talk {
  readonly #received: Buffer[] = [];
  #end: { readonly refusal?: Refusal } | undefined;
  #wake: () => void = () => undefined;

  constructor(
    private readonly call: ClientDuplexStream<Buffer, Buffer>,
    startedAt: number,
  ) {
    const end = (refusal?: Refusal) => {
      this.#end ??= refusal === undefined ? {} : { refusal };
      this.#wake();
    };
    call.on('data', (message: Buffer) => {
      this.#received.push(message);
      this.#wake();
    });
    call.on('error', (error: ServiceError) => end(refusalOf(error, Date.now() - startedAt)));
    call.on('end', () => end());
  }

  say(message: Buffer): void {
    this.call.write(message);
  }

  /** The next message, or nothing when none comes within this time. @throws Refusal what ended the call */
  async hear(patienceMs: number): Promise<Buffer | undefined> {
    const until = Date.now() + patienceMs;
    for (;;) {
      const message = this.#received.shift();
      if (message !== undefined) return message;
      if (this.#end?.refusal !== undefined) throw this.#end.refusal;
      const left = until - Date.now();
      if (this.#end !== undefined || left <= 0) return undefined;
      await this.#news(left);
    }
  }

  close(): void {
    this.call.cancel();
  }

  async #news(atMostMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, atMostMs);
    });
    clearTimeout(timer);
  }
}

function pems({ root, cert, key }: WireTls): [Buffer, Buffer | null, Buffer | null] {
  const optional = (pem: string | Buffer | undefined) => (pem === undefined ? null : Buffer.from(pem));
  return [Buffer.from(root), optional(key), optional(cert)];
}
