import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ManagedProcess } from './managed-process';
import { freePort } from './ports';
import { mainOf, type App } from './workspace';

export type ServiceApp = Exclude<App, 'pne'>;
/** The two kinds of port (architecture.md, "gRPC, as tried here"). */
export type PortName = 'certificate' | 'token';

export interface ServiceSpec {
  /** `cpns-server`, `kmc`, `smf`, or `<pn-id>/<entity-id>` of a gateway. */
  readonly name: string;
  readonly app: ServiceApp;
  /** URI of the service or E of the gateway. */
  readonly uri: string;
  /** For its store, its log and its ready file; made before. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly nodeOptions: readonly string[];
}

const READY_MS = 60_000;

/** A service that can be killed and started again, always on the same ports and with the same store. */
export class Service {
  #process: ManagedProcess | undefined;

  private constructor(
    readonly spec: ServiceSpec,
    private readonly addresses: Readonly<Record<PortName, string | undefined>>,
  ) {}

  /** Picks the ports; nothing is started. */
  static async plan(spec: ServiceSpec): Promise<Service> {
    const hasTokenPort = spec.app === 'cpns-server' || spec.app === 'pn-gw';
    const address = async () => `127.0.0.1:${await freePort()}`;
    return new Service(spec, { certificate: await address(), token: hasTokenPort ? await address() : undefined });
  }

  get logFile(): string {
    return join(this.spec.directory, 'log');
  }

  get wasStarted(): boolean {
    return this.#process !== undefined;
  }

  /** Of the process that runs now, or ran last. @throws Error before the first start */
  get process(): ManagedProcess {
    if (this.#process === undefined) throw new Error(`${this.spec.name} was not started`);
    return this.#process;
  }

  /** `127.0.0.1:<port>` @throws Error when it has no such port */
  address(port: PortName): string {
    const { [port]: address } = this.addresses;
    if (address === undefined) throw new Error(`${this.spec.name} has no ${port} port`);
    return address;
  }

  /** Starts the process and waits until it is ready. @throws Error with the end of its log when it does not become so */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { name, app, directory, nodeOptions } = this.spec;
    const { token } = this.addresses;
    const readyFile = join(directory, 'ready.json');
    rmSync(readyFile, { force: true });
    this.#process = await ManagedProcess.start({
      name,
      main: mainOf(app),
      nodeOptions,
      env: {
        ...this.spec.env,
        CPNS_LISTEN: this.address('certificate'),
        ...(token && { CPNS_TOKEN_LISTEN: token }),
        CPNS_READY_FILE: readyFile,
        ...env,
      },
      logFile: this.logFile,
    });
    await this.#process.waitForFile(readyFile, READY_MS);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
