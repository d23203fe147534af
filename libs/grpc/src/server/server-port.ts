import { CpnsError, systemClock, type Clock } from '@cpns/core';
import type { Logger } from '@cpns/telemetry';
import { Server, ServerInterceptingCall, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { LRUCache } from 'lru-cache';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_MESSAGE_BYTES } from '../definitions';
import type { HealthMonitor } from '../health';
import type { IdentifyPeer, Peer, ProofVerifier } from '../peer';
import { INFRASTRUCTURE_SERVICES, ROLE_TABLE, type RoleTable } from '../roles';
import { admit, type Gate } from './admit-call';
import type { ServiceBinding } from './handlers';
import { IncomingCall } from './incoming-call';
import { PortRules, type ClientAuthentication } from './port-rules';
import { addReflection } from './reflection';
import { registerHandlers, registerUnserved } from './run-handlers';
import { tls13ServerCredentials, type ServerTls } from './tls';

const PEER_CACHE_SIZE = 10_000;
const KEEPALIVE_MS = 20_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** Calls under way on one connection. */
const MAX_STREAMS = 1_000;

interface CommonOptions {
  /** `host:port`, port 0 for a free one. */
  readonly listen: string;
  readonly tls: ServerTls;
  readonly services: readonly ServiceBinding[];
  readonly logger: Logger;
  readonly health?: HealthMonitor;
  /** By default on ports that ask for a certificate. */
  readonly reflection?: boolean;
  /** Limit of a received message, in bytes; 262,144 by default. */
  readonly maxMessageBytes?: number;
  readonly roles?: RoleTable;
  readonly clock?: Clock;
}

/** A port whose callers show a certificate under the root. */
export interface CertificatePortOptions extends CommonOptions {
  readonly clients: 'certificate';
  readonly identify: IdentifyPeer;
  /** Asked on each call, for what may change while a connection lives, such as a revocation. Throws to refuse. */
  readonly admitPeer?: (peer: Peer) => void | Promise<void>;
}

/** A port whose callers send tokens or proofs. */
export interface TokenPortOptions extends CommonOptions {
  readonly clients: 'none';
  readonly verifyProof?: ProofVerifier;
}

export type ServerPortOptions = CertificatePortOptions | TokenPortOptions;

export interface ServerPort {
  readonly clients: ClientAuthentication;
  /** Port number it is bound to; 0 before it started. */
  readonly port: number;
  /** `host:port` it is bound to. */
  readonly address: string;
  /** @returns the port number @throws Error when the address cannot be bound */
  start(): Promise<number>;
  /** Ends what these peers have under way, streams or not, with this error: what a revocation does. @returns how many */
  endCalls(which: (peer: Peer) => boolean, error: CpnsError): number;
  /** A renewed certificate, for new connections. */
  renewCertificate(tls: ServerTls): void;
  /** No new calls, open streams ended with SHUTTING_DOWN, calls under way finish within the grace (milliseconds). */
  stop(graceMs: number): Promise<void>;
}

class GrpcServerPort implements ServerPort {
  readonly clients: ClientAuthentication;
  readonly #options: ServerPortOptions;
  readonly #server: Server;
  readonly #credentials: ReturnType<typeof tls13ServerCredentials>;
  readonly #rules: PortRules;
  readonly #gate: Gate;
  readonly #calls = new WeakMap<Metadata, IncomingCall>();
  readonly #active = new Set<IncomingCall>();
  /** One per method, not per call: the library asks for registered methods only. */
  readonly #loggers = new Map<string, Logger>();
  #port = 0;
  #stopping = false;

  constructor(options: ServerPortOptions) {
    this.#options = options;
    this.clients = options.clients;
    const verifyProof = options.clients === 'none' ? options.verifyProof : undefined;
    this.#rules = new PortRules({
      clients: options.clients,
      services: options.services,
      roles: options.roles ?? ROLE_TABLE,
      hasProofVerifier: verifyProof !== undefined,
    });
    this.#gate = {
      clients: options.clients,
      identify: options.clients === 'certificate' ? options.identify : undefined,
      admitPeer: options.clients === 'certificate' ? options.admitPeer : undefined,
      peers: new LRUCache({ max: PEER_CACHE_SIZE }),
      sessions: new WeakMap(),
      clock: options.clock ?? systemClock,
      stopping: () => this.#stopping,
    };
    this.#credentials = tls13ServerCredentials(options.tls, options.clients === 'certificate');
    this.#server = new Server({
      'grpc.max_receive_message_length': options.maxMessageBytes ?? MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': MAX_STREAMS,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      interceptors: [this.#interceptor()],
    });
    registerHandlers(this.#server, this.#rules.served, { callOf: (metadata) => this.#callOf(metadata), verifyProof });
    registerUnserved(this.#server, this.#rules.unserved());
    this.#addInfrastructure();
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return this.#options.listen.replace(/:\d+$/, `:${this.#port}`);
  }

  #addInfrastructure(): void {
    const names = this.#options.services.map((binding) => binding.service);
    this.#options.health?.addTo(this.#server, names);
    const [health, ...reflection] = INFRASTRUCTURE_SERVICES;
    if (this.#options.reflection ?? this.clients === 'certificate')
      addReflection(this.#server, [...names, ...(this.#options.health === undefined ? [] : [health]), ...reflection]);
  }

  #interceptor(): ServerInterceptor {
    return (method, transport) => {
      const call = new IncomingCall(transport, {
        method: method.path,
        streaming: method.requestStream || method.responseStream,
        verdict: this.#rules.verdict(method.path),
        clock: this.#gate.clock,
        logger: this.#loggerOf(method.path),
        ended: (ended) => this.#active.delete(ended),
      });
      this.#active.add(call);
      return new ServerInterceptingCall(transport, {
        start: (next) =>
          next({
            onReceiveMetadata: (metadata, admitted) => {
              this.#calls.set(metadata, call);
              admit(call, metadata, this.#gate).then(
                () => admitted(metadata),
                (error: unknown) => call.fail(error),
              );
            },
            onCancel: () => call.closed(),
          }),
      });
    };
  }

  #loggerOf(path: string): Logger {
    const known = this.#loggers.get(path) ?? this.#options.logger.child({ method: path });
    this.#loggers.set(path, known);
    return known;
  }

  #callOf(metadata: Metadata): IncomingCall {
    const call = this.#calls.get(metadata);
    if (call === undefined) throw new Error('a call that was not admitted');
    return call;
  }

  async start(): Promise<number> {
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(this.#options.listen, this.#credentials, (error, port) =>
        error === null
          ? resolve(port)
          : reject(new Error(`cannot listen on ${this.#options.listen}`, { cause: error })),
      );
    });
    return this.#port;
  }

  endCalls(which: (peer: Peer) => boolean, error: CpnsError): number {
    return this.#end(({ context: { peer } }) => peer !== undefined && which(peer), error);
  }

  #end(which: (call: IncomingCall) => boolean, error: CpnsError): number {
    const calls = [...this.#active].filter(which);
    for (const call of calls) call.fail(error);
    return calls.length;
  }

  renewCertificate(tls: ServerTls): void {
    this.#credentials.renew(tls);
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#end(
      ({ streaming }) => streaming,
      new CpnsError('SHUTTING_DOWN', 'the service is stopping; call another instance or try again'),
    );
    const graceful = new Promise<void>((resolve, reject) => {
      this.#server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
    });
    const late = sleep(graceMs, 'late' as const, { ref: false });
    if ((await Promise.race([graceful, late])) === 'late') {
      this.#options.logger.warn('calls were cut off at the end of the grace', { calls: this.#active.size, graceMs });
      this.#server.forceShutdown();
    }
  }
}

/**
 * A TLS 1.3 port with its subset of services.
 * @throws Error when it would serve an RPC that none of its callers may call, or one that needs a missing proof verifier
 */
export const createServerPort = (options: ServerPortOptions): ServerPort => new GrpcServerPort(options);
