/** The gateway's ways to the Server side, over mutual TLS with the gateway's own certificate. */
import {
  DeviceCapabilitiesServiceService,
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  MembershipServiceService,
  ProofServiceService,
  rpcKind,
  ServiceGroupNoticeServiceService,
} from '@cpns/contracts';
import { CpnsError, serviceUri } from '@cpns/core';
import { type ClientMethods, type Connection, connectTo, isAboutOwnCertificate, type ServiceShape } from '@cpns/grpc';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { AsyncResource } from 'node:async_hooks';
import pLimit from 'p-limit';
import { OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';

/** A Group Key for thousands of members, or a notice that names them, is larger than other messages; bytes. */
const MAX_MESSAGE_BYTES = 8 * 1_048_576;

/** Nothing is dialled before the first call. @param service name of the peer */
const connectToService = (service: string, address: string, { name, tls: { cert, key, ca } }: OwnGateway) =>
  connectTo({
    address,
    expectedPeer: serviceUri(name.trustDomain, service),
    tls: { root: ca, cert, key },
    maxMessageBytes: MAX_MESSAGE_BYTES,
  });

/**
 * As many calls to a peer are under way at a time. More of them wait here, in their order, before their deadline begins:
 * a peer that is given a thousand at once answers the last ones too late.
 */
export const CALLS_AT_ONCE = 32;

/**
 * The methods of services behind one connection. A failure of a call may be told to the device that it was made for. Streams
 * are the gateway's own, and do not count among the calls.
 */
export function clientsBehind(connection: Pick<Connection, 'client' | 'peer'>) {
  const limit = pLimit(CALLS_AT_ONCE);
  const limited =
    (call: (...args: unknown[]) => Promise<unknown>) =>
    (...args: unknown[]) =>
      // one that waited is begun by the end of another: its trace and flow step are still its own
      limit(AsyncResource.bind(() => call(...args))).catch((error: unknown) =>
        Promise.reject(relayed(error, connection.peer)),
      );
  return <S extends ServiceShape>(service: S): ClientMethods<S> => {
    const methods: Readonly<Record<string, unknown>> = connection.client(service);
    const clients = Object.entries(service).map(([name, shape]) => {
      const method = methods[name] as Parameters<typeof limited>[0];
      return [name, rpcKind(shape) === 'unary' ? limited(method) : method] as const;
    });
    return Object.fromEntries(clients) as unknown as ClientMethods<S>;
  };
}

/**
 * What a device is told. That the gateway's own certificate is not accepted, or that another peer answers in the place of
 * the Server, is between those two: a device that read of a revoked certificate would take it for its own.
 */
export function relayed(error: unknown, peer: string): Error {
  const ours = isAboutOwnCertificate(error) || (error instanceof CpnsError && error.reason === 'PEER_UNEXPECTED');
  if (!ours) return error instanceof Error ? error : new Error('a call failed', { cause: error });
  return new CpnsError('DEPENDENCY_UNAVAILABLE', 'this gateway has no access to the CPNS Server side at the moment', {
    metadata: { dependency: peer },
    cause: error,
  });
}

/** The CPNS Server, over mutual TLS with the gateway's own certificate (Q10). */
@Injectable()
export class ServerClients implements OnApplicationShutdown {
  readonly #connection: Connection;
  /** URI of the Server, checked in each handshake. */
  readonly uri: string;
  readonly entityUserKey: ClientMethods<typeof EntityUserKeyServiceService>;
  readonly proof: ClientMethods<typeof ProofServiceService>;
  readonly deviceCapabilities: ClientMethods<typeof DeviceCapabilitiesServiceService>;
  readonly groupKeyDelivery: ClientMethods<typeof GroupKeyDeliveryServiceService>;

  constructor({ serverAddress }: GatewayConfig, own: OwnGateway) {
    this.#connection = connectToService('cpns-server', serverAddress, own);
    this.uri = this.#connection.peer;
    const clientOf = clientsBehind(this.#connection);
    this.entityUserKey = clientOf(EntityUserKeyServiceService);
    this.proof = clientOf(ProofServiceService);
    this.deviceCapabilities = clientOf(DeviceCapabilitiesServiceService);
    this.groupKeyDelivery = clientOf(GroupKeyDeliveryServiceService);
  }

  onApplicationShutdown(): void {
    this.#connection.close();
  }
}

/** The SMF, over mutual TLS with the gateway's own certificate. */
@Injectable()
export class SmfClients implements OnApplicationShutdown {
  readonly #connection: Connection;
  /** URI of the SMF, checked in each handshake. */
  readonly uri: string;
  readonly notices: ClientMethods<typeof ServiceGroupNoticeServiceService>;
  readonly membership: ClientMethods<typeof MembershipServiceService>;

  constructor({ smfAddress }: GatewayConfig, own: OwnGateway) {
    this.#connection = connectToService('smf', smfAddress, own);
    this.uri = this.#connection.peer;
    const clientOf = clientsBehind(this.#connection);
    this.notices = clientOf(ServiceGroupNoticeServiceService);
    this.membership = clientOf(MembershipServiceService);
  }

  onApplicationShutdown(): void {
    this.#connection.close();
  }
}
