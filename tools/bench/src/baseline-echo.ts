/**
 * The least that a call can cost: a bare grpc-js server over TLS 1.3, in a process of its own, that answers each path with
 * the bytes that it was given. No import from the project. Started with the path of a JSON file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import tls from 'node:tls';

interface EchoConfig {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** Gets `host:port` once it listens. */
  readonly readyFile: string;
  /** gRPC path to the answer in base64. */
  readonly answers: Readonly<Record<string, string>>;
}

function start(config: EchoConfig): void {
  tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
  const server = new Server();
  const bytes = (value: Buffer) => value;
  for (const [path, answer] of Object.entries(config.answers)) {
    const reply = Buffer.from(answer, 'base64');
    const handler: handleUnaryCall<Buffer, Buffer> = (_call, callback) => callback(null, reply);
    server.register(path, handler, bytes, bytes, 'unary');
  }
  const pair = { cert_chain: Buffer.from(config.cert), private_key: Buffer.from(config.key) };
  server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair], false), (error, port) => {
    if (error !== null) throw error;
    writeFileSync(config.readyFile, `127.0.0.1:${port}`);
  });
}

const [, , file] = process.argv;
if (file === undefined) throw new Error('usage: baseline-echo CONFIG.json');
start(JSON.parse(readFileSync(file, 'utf8')) as EchoConfig);
