import { once } from 'node:events';
import { connect } from 'node:tls';

const TIMEOUT_MS = 5_000;

/** The certificate that a gateway shows to whoever connects, DER. Nothing is said over the connection. */
export async function gatewayLeaf(address: string): Promise<Buffer> {
  const [host = '', port = ''] = address.split(':');
  // looked at and written to a file: the reader verifies it
  const socket = connect({
    host,
    port: Number(port),
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  });
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`${address} did not answer within ${TIMEOUT_MS} ms`)));
  try {
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw new Error(`${address} showed no certificate`);
    return Buffer.from(certificate.raw);
  } finally {
    socket.destroy();
  }
}
