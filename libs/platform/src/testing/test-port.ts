import { connectTo, type CertificatePortOptions, type ClientTls, type Connection } from '@cpns/grpc';
import { identifyByName, TestPki } from '@cpns/grpc/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { TestingModule } from '@nestjs/testing';
import { createHash, X509Certificate } from 'node:crypto';
import { serve, type ServedModule } from './test-process';

/** The certificate port of a process, whose callers are whom their certificates name; of each test of a file its own. */
export class TestPort {
  readonly #pki = new TestPki();
  readonly #tls = new Map<string, ClientTls>();
  readonly #connections: Connection[] = [];
  #served: ServedModule | undefined;

  /** @param uri of the service */
  constructor(private readonly uri: string) {
    afterEach(async () => {
      for (const connection of this.#connections.splice(0)) connection.close();
      await this.close();
    });
  }

  async serve(module: TestingModule, changes: Partial<CertificatePortOptions> = {}): Promise<void> {
    const { logger } = new MemoryLog();
    const common = { listen: '127.0.0.1:0', tls: this.#pki.server(this.uri), identify: identifyByName, logger };
    this.#served = await serve(module, { certificate: { clients: 'certificate', ...common, ...changes } });
  }

  /** A connection of a caller. */
  as(uri: string): Connection {
    const address = this.#served!.addresses.certificate!;
    const connection = connectTo({ address, tls: this.#tlsOf(uri), expectedPeer: this.uri, deadlineMs: 20_000 });
    this.#connections.push(connection);
    return connection;
  }

  /** SHA-256 of the certificate that a caller shows. */
  digestOf(uri: string): Buffer {
    return createHash('sha256')
      .update(new X509Certificate(this.#tlsOf(uri).cert!).raw)
      .digest();
  }

  async close(): Promise<void> {
    await this.#served?.close();
    this.#served = undefined;
  }

  #tlsOf(uri: string): ClientTls {
    const tls = this.#tls.get(uri) ?? this.#pki.client(uri);
    this.#tls.set(uri, tls);
    return tls;
  }
}
