import { createDevelopmentPki, privateKeyPem } from '@cpns/certificate-issuance';
import { systemClock } from '@cpns/core';
import { TemporaryDirectory, type Opened } from '@cpns/core/testing';
import { createServerPort, peerIdentifier, type ServerPort, type ServiceBinding } from '@cpns/grpc';
import { MemoryLog } from '@cpns/telemetry/testing';
import { run } from '../program';
import { RecordingIo } from './recording-io';

const TRUST_DOMAIN = 'home.example';

type ServiceName = 'cpns-server' | 'smf';

/** CPNS Server and SMF as far as their bindings go, each at a port of its own, and an operator who calls them. */
export class FakeServices implements Opened {
  readonly directory = new TemporaryDirectory();
  /** DER of the operator's certificate. */
  operator: Buffer = Buffer.alloc(0);
  readonly #ports = new Map<ServiceName, ServerPort>();

  constructor(private readonly bindings: Partial<Readonly<Record<ServiceName, readonly ServiceBinding[]>>>) {}

  async open(): Promise<void> {
    this.directory.open();
    const pki = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN });
    const operator = await pki.issueOperator('alice');
    this.operator = operator.chain[0]!;
    this.directory.write('root.pem', pki.root.certificatePem);
    this.directory.write('operator-chain.pem', operator.chainPem);
    this.directory.write('operator.key', privateKeyPem(operator.privateKey));
    const issuingCaDer = pki.issuingCa.chain[0]!;
    const identify = peerIdentifier({ issuingCaDer, trustDomain: TRUST_DOMAIN, clock: systemClock });
    const { logger } = new MemoryLog();
    for (const name of ['cpns-server', 'smf'] as const) {
      const { chainPem, privateKey } = await pki.issueService(name, {
        dnsNames: ['localhost'],
        ipAddresses: ['127.0.0.1'],
      });
      const tls = {
        cert: Buffer.from(chainPem),
        key: Buffer.from(privateKeyPem(privateKey)),
        ca: Buffer.from(pki.root.certificatePem),
      };
      const services = this.bindings[name] ?? [];
      const port = createServerPort({ clients: 'certificate', listen: '127.0.0.1:0', tls, identify, services, logger });
      await port.start();
      this.#ports.set(name, port);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ports.values()].map((port) => port.stop(100)));
    this.directory.close();
  }

  /** Runs a command as the operator. @param answer at the terminal; without it there is none */
  async cpnsctl(args: readonly string[], answer?: string) {
    const io = new RecordingIo(Date.now(), answer);
    // a command takes the addresses of those that it calls
    const { CPNSCTL_SERVER, CPNSCTL_SMF } = process.env;
    process.env.CPNSCTL_SERVER = this.#ports.get('cpns-server')?.address;
    process.env.CPNSCTL_SMF = this.#ports.get('smf')?.address;
    try {
      const code = await run([...args, '--pki', this.directory.path], io);
      return { code, asked: io.asked, ...io.written };
    } finally {
      restore({ CPNSCTL_SERVER, CPNSCTL_SMF });
    }
  }

  /** As {@link cpnsctl}. @returns what it printed as JSON @throws Error with what it said otherwise */
  async json(args: readonly string[], answer?: string): Promise<unknown> {
    const { code, out, err } = await this.cpnsctl([...args, '--output', 'json'], answer);
    if (code !== 0) throw new Error(err);
    return JSON.parse(out);
  }
}

function restore(variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
