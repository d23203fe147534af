import { readFileSync, rmSync } from 'node:fs';
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
  readonly nodeOptions: readonly string[];
}

const READY_MS = 60_000;

interface ReadyFile {
  readonly pid: number;
  readonly addresses: Readonly<Record<string, string>>;
}

/** A service that can be killed and started again, always on the same ports and with the same store. */
export class Service {
  readonly #ports: ReadonlyMap<PortName, number>;
  #process: ManagedProcess | undefined;

  private constructor(
    readonly spec: ServiceSpec,
    ports: ReadonlyMap<PortName, number>,
  ) {
    this.#ports = ports;
  }

  /** Picks the ports; nothing is started. */
  static async plan(spec: ServiceSpec): Promise<Service> {
    const ports = new Map<PortName, number>();
    for (const name of Object.keys(spec.listen) as PortName[]) ports.set(name, await freePort());
    return new Service(spec, ports);
  }

  get name(): string {
    return this.spec.name;
  }

  get logFile(): string {
    return join(this.spec.directory, 'log');
  }

  get wasStarted(): boolean {
    return this.#process !== undefined;
  }

  /** Of the process that runs now, or ran last. @throws Error before the first start */
  get process(): ManagedProcess {
    if (this.#process === undefined) throw new Error(`${this.name} was not started`);
    return this.#process;
  }

  /** `127.0.0.1:<port>` @throws Error when it has no such port */
  address(port: PortName): string {
    const number = this.#ports.get(port);
    if (number === undefined) throw new Error(`${this.name} has no ${port} port`);
    return `127.0.0.1:${number}`;
  }

  /** Starts the process and waits until it is ready. @throws Error with the end of its log when it does not become so */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.#process !== undefined && this.#process.exit === undefined) throw new Error(`${this.name} is running`);
    const { name, app, directory, listen, nodeOptions } = this.spec;
    const readyFile = join(directory, 'ready.json');
    rmSync(readyFile, { force: true });
    const listening = Object.entries(listen).map(([port, variable]) => [variable, this.address(port as PortName)]);
    this.#process = await ManagedProcess.start({
      name,
      main: mainOf(app),
      nodeOptions,
      env: {
        ...this.spec.env,
        ...(Object.fromEntries(listening) as Record<string, string>),
        CPNS_READY_FILE: readyFile,
        ...env,
      },
      logFile: this.logFile,
    });
    await this.#process.waitForFile(readyFile, READY_MS);
    this.#checkReadyFile(readyFile);
  }

  #checkReadyFile(file: string): void {
    const { pid, addresses } = JSON.parse(readFileSync(file, 'utf8')) as ReadyFile;
    if (pid !== this.process.pid) throw this.process.failure('wrote the ready file of another process');
    for (const port of this.#ports.keys())
      if (addresses[port] !== this.address(port))
        throw this.process.failure(`listens elsewhere than on its ${port} port`);
  }

  kill(signal: NodeJS.Signals): Promise<void> {
    return this.process.kill(signal);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
