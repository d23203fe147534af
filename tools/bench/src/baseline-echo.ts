/**
 * The least that a call can cost: a bare grpc-js server over TLS 1.3, in a process of its own, that answers one path with
 * the bytes that it was given; and, of a fan-out, one that writes given bytes to every channel that is open. No import from
 * the project. Started with the path of a JSON file.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import {
  Server,
  ServerCredentials,
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import tls from 'node:tls';

export interface EchoConfig {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** PEM; with it, clients must show a certificate under it. */
  readonly clientRoot?: string;
  /** Gets `host:port` once it listens. */
  readonly readyFile: string;
  /** gRPC path that is answered, and the answer in base64. */
  readonly path: string;
  readonly answer: string;
  /** What each channel of another path is sent, in base64, as it opens and with every answer. */
  readonly broadcast?: { readonly channel: string; readonly message: string };
}

const bytes = (value: Buffer) => value;

function start(config: EchoConfig): void {
  tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
  const server = new Server();
  const { broadcast, clientRoot } = config;
  const channels = new Set<ServerDuplexStream<Buffer, Buffer>>();
  const message = Buffer.from(broadcast?.message ?? '', 'base64');
  const reply = Buffer.from(config.answer, 'base64');
  const answering: handleUnaryCall<Buffer, Buffer> = (_call, callback) => {
    for (const channel of channels) channel.write(message);
    callback(null, reply);
  };
  server.register(config.path, answering, bytes, bytes, 'unary');
  if (broadcast !== undefined) {
    const handler: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
      channels.add(call);
      // the first one shows that the channel is open
      call.write(message);
      call.resume();
      call.on('cancelled', () => channels.delete(call));
    };
    server.register(broadcast.channel, handler, bytes, bytes, 'bidi');
  }
  const pair = { cert_chain: Buffer.from(config.cert), private_key: Buffer.from(config.key) };
  const root = clientRoot === undefined ? null : Buffer.from(clientRoot);
  server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(root, [pair], root !== null), (error, port) => {
    if (error !== null) throw error;
    // whoever waits for the file must not find half of it
    writeFileSync(`${config.readyFile}.draft`, `127.0.0.1:${port}`);
    renameSync(`${config.readyFile}.draft`, config.readyFile);
  });
}

if (require.main === module) start(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as EchoConfig);
