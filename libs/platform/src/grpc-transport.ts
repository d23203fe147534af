import type { RpcPath } from '@cpns/contracts';
import { createServerPort, type BoundMethod, type ServerPort, type ServerPortOptions } from '@cpns/grpc';
import { Server, Transport, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { firstValueFrom, isObservable } from 'rxjs';
import { certificateEnded, type EndedPeers } from './ended-peers';
import { serviceOfRpc, type RpcExtras } from './grpc-controller';

type DistributiveOmit<T, K extends keyof never> = T extends unknown ? Omit<T, K> : never;

/** A port without its handlers, which are those of the process's controllers. */
export type PortOptions = DistributiveOmit<ServerPortOptions, 'services'> & {
  /** The RPCs that this port serves; by default all that the controllers answer. */
  readonly only?: readonly RpcPath[];
};

export interface GrpcTransportOptions {
  /** By a name that the ready line shows, such as `certificate` or `token`. */
  readonly ports: Readonly<Record<string, PortOptions>>;
  /** How long calls under way may take after a stop was asked for, milliseconds. */
  readonly graceMs: number;
  /** Refused at every port that asks for certificates, and their calls under way ended. */
  readonly ended?: EndedPeers;
}

/**
 * The gRPC ports of a process as a Nest transport. TLS 1.3, peer identity, role table, proofs, back-pressure and
 * cancellation are those of `@cpns/grpc`; Nest finds the controllers and runs guards, interceptors and filters around them.
 */
export class GrpcTransport extends Server implements CustomTransportStrategy {
  override readonly transportId = Transport.GRPC;
  readonly #options: GrpcTransportOptions;
  readonly #ports = new Map<string, ServerPort>();

  constructor(options: GrpcTransportOptions) {
    super();
    this.#options = options;
  }

  /** `host:port` of each port by its name, once it listens. */
  get addresses(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#ports].map(([name, port]) => [name, port.address]));
  }

  /** @throws Error for an RPC that another controller answers already: Nest would let the second one win */
  override addHandler(
    path: string,
    handler: MessageHandler,
    isEvent = false,
    extras: Record<string, unknown> = {},
  ): void {
    if (this.messageHandlers.has(path)) throw new Error(`two controllers answer ${path}`);
    super.addHandler(path, handler, isEvent, extras);
  }

  listen(callback: (error?: unknown) => void): void {
    this.#start().then(() => callback(), callback);
  }

  async close(): Promise<void> {
    const stops = [...this.#ports.values()].map((port) => port.stop(this.#options.graceMs));
    // all of them, also when one fails
    await Promise.allSettled(stops);
    await Promise.all(stops);
  }

  on(): never {
    throw new Error('the gRPC transport has no events');
  }

  unwrap<T>(): T {
    return this.#ports as T;
  }

  async #start(): Promise<void> {
    const methods = [...this.messageHandlers].map(([path, handler]) => boundMethod(path as RpcPath, handler));
    // what is wrong with one shows before any of them is open
    const { ports, ended } = this.#options;
    for (const [name, options] of Object.entries(ports))
      this.#ports.set(name, portOf(withoutEnded(options, ended), methods));
    ended?.onChange(() => {
      for (const port of this.#ports.values()) port.endCalls((peer) => ended.has(peer), certificateEnded());
    });
    for (const port of this.#ports.values()) await port.start();
  }
}

function withoutEnded(options: PortOptions, ended: EndedPeers | undefined): PortOptions {
  if (options.clients === 'none' || ended === undefined) return options;
  const { admitPeer } = options;
  return {
    ...options,
    admitPeer: (peer) => {
      ended.check(peer);
      return admitPeer?.(peer);
    },
  };
}

type ServedMethod = BoundMethod & { readonly service: string };

/** @throws Error for an RPC that the port is to serve and that no controller answers */
function portOf({ only, ...options }: PortOptions, methods: readonly ServedMethod[]): ServerPort {
  const missing = only?.find((path) => !methods.some((method) => method.path === path));
  if (missing !== undefined) throw new Error(`no controller answers ${missing}`);
  const served = methods.filter(({ path }) => only === undefined || only.includes(path));
  const services = [...new Set(served.map(({ service }) => service))].map((service) => ({
    service,
    methods: served.filter((method) => method.service === service),
  }));
  return createServerPort({ ...options, services });
}

function boundMethod(path: RpcPath, handler: MessageHandler): ServedMethod {
  const extras = handler.extras as unknown as RpcExtras;
  const { name, shape, maxRequestBytes, runsDuringRevocationCheck } = extras;
  return {
    name,
    service: serviceOfRpc(extras),
    path,
    shape,
    maxRequestBytes,
    runsDuringRevocationCheck: runsDuringRevocationCheck?.includes(name) === true,
    handle: (...args: unknown[]) =>
      answerOf(shape.requestStream ? handler(undefined, args[0]) : handler(args[0], args[1])),
  };
}

/** With an interceptor or a filter around it, a handler's promise holds an Observable of its answer. */
async function answerOf(handled: unknown): Promise<unknown> {
  const answer = await handled;
  return isObservable(answer) ? firstValueFrom(answer, { defaultValue: undefined }) : answer;
}
