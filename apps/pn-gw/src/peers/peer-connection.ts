/** A way to the Server side, over mutual TLS with the gateway's own certificate. */
import { CpnsError, serviceUri } from '@cpns/core';
import { connectTo, isAboutOwnCertificate, type ClientMethods, type Connection, type ServiceShape } from '@cpns/grpc';
import type { OwnGateway } from '../common/own-gateway';

/** A Group Key for thousands of members, or a notice that names them, is larger than other messages; bytes. */
const MAX_MESSAGE_BYTES = 8 * 1_048_576;

/** Nothing is dialled before the first call. @param service name of the peer */
export const connectToService = (service: string, address: string, { name, tls: { cert, key, ca } }: OwnGateway) =>
  connectTo({
    address,
    expectedPeer: serviceUri(name.trustDomain, service),
    tls: { root: ca, cert, key },
    maxMessageBytes: MAX_MESSAGE_BYTES,
  });

/** The methods of a service behind a connection. */
export function clientsOf<S extends ServiceShape>(connection: Connection, service: S): ClientMethods<S> {
  const methods = Object.entries<unknown>(connection.client(service)).map(([name, method]) => [
    name,
    withOwnTroubles(method as (...args: unknown[]) => unknown, connection.peer),
  ]);
  return Object.fromEntries(methods) as ClientMethods<S>;
}

/** The same call, whose failures may be told to the device that it was made for. Streams are the gateway's own. */
const withOwnTroubles =
  (method: (...args: unknown[]) => unknown, peer: string) =>
  (...args: unknown[]): unknown => {
    const result = method(...args);
    return result instanceof Promise ? result.catch((error: unknown) => Promise.reject(relayed(error, peer))) : result;
  };

/**
 * What a device is told. That the gateway's own certificate is not accepted, or that somebody else answers in the place of
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
