import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ManagedProcess } from './managed-process';
import { freePort } from './ports';
import { mainOf, type App } from './workspace';

/** The two kinds of port (architecture.md, "gRPC, as tried here"). */
export type PortName = 'certificate' | 'token';

export interface ServiceSpec {
  /** `cpns-server`, `kmc`, `smf`, or `<pn-id>/<entity-id>` of a gateway. */
  readonly name: string;
  readonly app: Exclude<App, 'pne'>;
  /** URI of the service or E of the gateway. */
  readonly uri: string;
  /** For its log and its ready file. */
  readonly directory: string;
  /** Variable that each port is set by. */
  readonly listen: Readonly<Partial<Record<PortName, string>>>;
  readonly env: Readonly<Record<string, string>>;
}

const READY_MS = 60_000;

/** A service that can be killed and started again, always on the same ports and with the same store. */
export class Service {
  #process: ManagedProcess | undefined;

  private constructor(
    readonly spec: ServiceSpec,
    private readonly nodeOptions: readonly string[],
    private readonly addresses: Readonly<Partial<Record<PortName, string>>>,
  ) {}

  /** Picks the ports; nothing is started. */
  static async plan(spec: ServiceSpec, nodeOptions: readonly string[]): Promise<Service> {
    const ports = Object.keys(spec.listen).map(async (port) => [port, `127.0.0.1:${await freePort()}`] as const);
    return new Service(spec, nodeOptions, Object.fromEntries(await Promise.all(ports)));
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
    const { name, app, directory, listen } = this.spec;
    const readyFile = join(directory, 'ready.json');
    rmSync(readyFile, { force: true });
    const listening = Object.entries(listen).map(([port, variable]) => [variable, this.address(port as PortName)]);
    this.#process = await ManagedProcess.start({
      name,
      main: mainOf(app),
      nodeOptions: this.nodeOptions,
      env: { ...this.spec.env, ...Object.fromEntries(listening), CPNS_READY_FILE: readyFile, ...env },
      logFile: this.logFile,
    });
    await this.#process.waitForFile(readyFile, READY_MS);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
