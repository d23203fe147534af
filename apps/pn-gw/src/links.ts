/** The gateway's ways to the Server side, over mutual TLS with its own certificate. */
import { dersToPem, privateKeyPem } from '@cpns/certificate-issuance';
import {
  DeviceCapabilitiesServiceService,
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  MembershipServiceService,
  ProofServiceService,
  ServiceGroupNoticeServiceService,
} from '@cpns/contracts';
import { CpnsError, parseEntityUri, serviceUri } from '@cpns/core';
import { connectTo, isAboutOwnCertificate, type ClientMethods, type Connection, type ServiceShape } from '@cpns/grpc';
import type { GatewayIdentity } from '@cpns/pne-sdk';
import type { GatewayConfig } from './config';
import type { ServerLink, SmfLink } from './context';

/** A Group Key for thousands of members, or a notice that names them, is larger than other messages; bytes. */
const MAX_MESSAGE_BYTES = 8 * 1_048_576;

export const tlsOf = ({ chain, privateKey, root }: GatewayIdentity) => ({
  cert: dersToPem(chain),
  key: privateKeyPem(privateKey),
  ca: dersToPem([root]),
});

export interface Links {
  readonly server: ServerLink;
  readonly smf: SmfLink;
  close(): void;
}

/** Nothing is dialled before the first call. */
export function openLinks(
  config: Pick<GatewayConfig, 'serverAddress' | 'smfAddress'>,
  identity: GatewayIdentity,
): Links {
  const { trustDomain } = parseEntityUri(identity.entity);
  const { cert, key, ca } = tlsOf(identity);
  const connect = (service: string, address: string) =>
    connectTo({
      address,
      expectedPeer: serviceUri(trustDomain, service),
      tls: { root: ca, cert, key },
      maxMessageBytes: MAX_MESSAGE_BYTES,
    });
  const server = connect('cpns-server', config.serverAddress);
  const smf = connect('smf', config.smfAddress);
  return {
    server: {
      uri: server.peer,
      entityUserKey: clientOf(server, EntityUserKeyServiceService),
      proof: clientOf(server, ProofServiceService),
      deviceCapabilities: clientOf(server, DeviceCapabilitiesServiceService),
      groupKeyDelivery: clientOf(server, GroupKeyDeliveryServiceService),
    },
    smf: {
      uri: smf.peer,
      notices: clientOf(smf, ServiceGroupNoticeServiceService),
      membership: clientOf(smf, MembershipServiceService),
    },
    close: () => {
      server.close();
      smf.close();
    },
  };
}

function clientOf<S extends ServiceShape>(connection: Connection, service: S): ClientMethods<S> {
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
