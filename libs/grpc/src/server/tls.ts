import { ServerCredentials } from '@grpc/grpc-js';
import type { SecureContextOptions } from 'node:tls';

/** The port's own certificate and key, and its root. PEM. */
export interface ServerTls {
  /** Leaf first; a port for tokens needs the whole chain up to the root, whose hash its clients know. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** The root that client certificates must lead to. */
  readonly ca: string | Buffer;
}

const contextOptions = ({ cert, key, ca }: ServerTls): SecureContextOptions => ({
  cert,
  key,
  ca,
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
});

/**
 * grpc-js's own `createSsl` accepts TLS 1.2 as well and offers no way to say otherwise, but its credentials may be
 * derived from: so the versions are set where the listener is made, and no process-wide default is touched.
 */
class Tls13ServerCredentials extends ServerCredentials {
  constructor(tls: ServerTls, askForCertificate: boolean) {
    const options = contextOptions(tls);
    super({ ...options, requestCert: askForCertificate, rejectUnauthorized: askForCertificate }, options);
  }

  /** New connections see the new certificate, open ones live on. */
  renew(tls: ServerTls): void {
    this.updateSecureContextOptions(contextOptions(tls));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

export const tls13ServerCredentials = (tls: ServerTls, askForCertificate: boolean) =>
  new Tls13ServerCredentials(tls, askForCertificate);
