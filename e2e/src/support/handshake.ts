import { createSecureContext, connect as connectTls, type SecureVersion } from 'node:tls';
import { connect } from 'node:net';
import type { WireTls } from '@cpns/testing/bad-input';

const TIMEOUT_MS = 5_000;

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

/** How a server ends a handshake: with an alert in the words of RFC 8446, 6, or without a word. */
export type HandshakeEnd =
  { readonly kind: 'welcome' } | { readonly kind: 'alert'; readonly alert: string } | { readonly kind: 'closed' };

/**
 * Dials, and waits for what a server does with whoever is there. In TLS 1.3 that may come after the handshake, since a
 * client is done before its certificate is looked at; a Node server that does not trust a certificate just hangs up.
 */
export function handshake(address: string, options: HandshakeOptions): Promise<HandshakeEnd> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...endpoint(address),
      secureContext: contextOf(options),
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    });
    const done = (end: HandshakeEnd) => {
      socket.destroy();
      resolve(end);
    };
    socket.setTimeout(TIMEOUT_MS, () => reject(new Error('the server neither ends the connection nor says anything')));
    // whoever is let in is greeted with HTTP/2 settings
    socket.once('data', () => done({ kind: 'welcome' }));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const [, alert] = /_ALERT_([A-Z_]+)$/.exec(error.code ?? '') ?? [];
      if (alert !== undefined) done({ kind: 'alert', alert: alert.toLowerCase().replaceAll('_', ' ') });
      else if (error.code === 'ECONNRESET') done({ kind: 'closed' });
      else reject(error);
    });
    socket.once('close', () => done({ kind: 'closed' }));
  });
}

const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const EMPTY_SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** Record type of a TLS alert (RFC 8446, 5.1). */
const TLS_ALERT = 0x15;

/** True when a server answers to HTTP/2 without TLS with anything but an alert or the end of the connection. */
export function speaksPlaintext(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(endpoint(address), () =>
      socket.write(Buffer.concat([Buffer.from(HTTP2_PREFACE), EMPTY_SETTINGS])),
    );
    const received: Buffer[] = [];
    socket.setTimeout(TIMEOUT_MS, () => reject(new Error('the server neither ends the connection nor says anything')));
    socket.on('data', (bytes) => received.push(bytes));
    // a reset is an end as well
    socket.once('error', () => undefined);
    socket.once('close', () => {
      const bytes = Buffer.concat(received);
      resolve(bytes.length > 0 && bytes[0] !== TLS_ALERT);
    });
  });
}
