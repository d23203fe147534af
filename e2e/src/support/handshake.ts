import { createSecureContext, connect as connectTls, type SecureVersion } from 'node:tls';
import { connect as connectHttp2 } from 'node:http2';
import type { WireTls } from '@cpns/testing/bad-input';

const TIMEOUT_MS = 5_000;
const SILENT = 'the server neither ends the connection nor says anything';

export interface HandshakeOptions extends WireTls {
  readonly version?: SecureVersion;
}

const endpoint = (address: string) => {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
};

/** A context that offers exactly one version of TLS, older ones at the security level that still knows them. */
export const contextOf = ({ root, cert, key, version = 'TLSv1.3' }: HandshakeOptions) =>
  createSecureContext({
    ca: root,
    minVersion: version,
    maxVersion: version,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });

/**
 * Dials, and waits for what a server does with a client. In TLS 1.3 that may come after the handshake, since a
 * client is done before its certificate is looked at; a Node server that does not trust a certificate just hangs up.
 * @returns the alert in the words of RFC 8446, 6; `closed` for an end without one; `welcome` for none
 */
export function handshake(address: string, options: HandshakeOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...endpoint(address),
      secureContext: contextOf(options),
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    });
    const done = (end: string) => {
      socket.destroy();
      resolve(end);
    };
    socket.setTimeout(TIMEOUT_MS, () => reject(new Error(SILENT)));
    // a client that is let in is greeted with HTTP/2 settings
    socket.once('data', () => done('welcome'));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const [, alert] = /_ALERT_([A-Z_]+)$/.exec(error.code ?? '') ?? [];
      if (alert !== undefined) done(`alert: ${alert.toLowerCase().replaceAll('_', ' ')}`);
      else if (error.code === 'ECONNRESET') done('closed');
      else reject(error);
    });
    socket.once('close', () => done('closed'));
  });
}

/** True when a server has an HTTP/2 connection without TLS. */
export function speaksPlaintext(address: string): Promise<boolean> {
  const session = connectHttp2(`http://${address}`);
  return new Promise<boolean>((resolve, reject) => {
    session.setTimeout(TIMEOUT_MS, () => reject(new Error(SILENT)));
    session.once('remoteSettings', () => resolve(true));
    // a reset is an end as well
    session.once('error', () => resolve(false));
    session.once('close', () => resolve(false));
  }).finally(() => session.destroy());
}
