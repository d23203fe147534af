import { ErrorInfo, RpcStatus } from '@cpns/contracts';
import type { ClientTls, MethodShape, RequestOf, ResponseOf } from '@cpns/grpc';
import { Client, credentials, Metadata, status, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js';

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
  ) {
    super(`${code}/${reason || 'no reason'}: ${details}`);
  }
}

interface WireCallOptions {
  /** Milliseconds from now; 5,000 by default. */
  readonly deadlineMs?: number;
  readonly metadata?: Readonly<Record<string, Buffer>>;
}

const DEADLINE_MS = 5_000;
const STATUS_DETAILS = 'grpc-status-details-bin';
const asBytes = (bytes: Buffer): Buffer => bytes;

function refusedWith(error: ServiceError): Refusal {
  const [bytes] = error.metadata.get(STATUS_DETAILS);
  const details = Buffer.isBuffer(bytes) ? RpcStatus.decode(bytes).details : [];
  const found = details.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.ErrorInfo'));
  const { reason, metadata } = found === undefined ? { reason: '', metadata: {} } : ErrorInfo.decode(found.value);
  return new Refusal(status[error.code], reason, metadata, error.details);
}

const pem = (text: string | Buffer | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));

/** A plain gRPC client on one port, which checks nothing of what it sends. */
export class Wire {
  readonly #client: Client;

  constructor(address: string, how: WireTls | ChannelCredentials) {
    const secure = 'root' in how ? credentials.createSsl(pem(how.root), pem(how.key), pem(how.cert)) : how;
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
  send(path: string, bytes: Buffer, { deadlineMs = DEADLINE_MS, metadata = {} }: WireCallOptions = {}) {
    const headers = new Metadata();
    for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
    const deadline = Date.now() + deadlineMs;
    return new Promise<Buffer>((resolve, reject) => {
      this.#client.makeUnaryRequest(path, asBytes, asBytes, bytes, headers, { deadline }, (error, response) => {
        if (response !== undefined) resolve(response);
        else reject(error === null ? new Error('no answer') : refusedWith(error));
      });
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

  close(): void {
    this.#client.close();
  }
}
