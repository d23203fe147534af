/**
 * A real deployment for tools and tests: every service its own process, with certificates, keys, stores and ports made for
 * it, on 127.0.0.1 and in one directory.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type EntityType, formatEntityUri, serviceUri } from '@cpns/core';
import type { HealthStatus } from '@cpns/grpc';
import {
  type AdmitOptions,
  type DeploymentOptions,
  type DeviceOptions,
  forProcess,
  type GatewaySpec,
} from './deployment-options';
import type { Device, DeviceResult } from './device';
import { DeviceWorkshop } from './device-workshop';
import { type Admitted, type CalledPort, Operator } from './operator';
import { type PkiFiles, SERVER_SIDE, writePki, writePrivate } from './pki-files';
import { RedisPart } from './redis-part';
import { type PortName, Service, type ServiceSpec } from './service';
import { peersOf, serverSideSettings, storeSettings } from './service-specs';

export const TRUST_DOMAIN = 'testbed.example';

const SERVER = 'cpns-server';

export class Deployment {
  readonly trustDomain: string;
  readonly #services = new Map<string, Service>();
  readonly #workshop: DeviceWorkshop;
  /** Variables of every process. */
  readonly #common: Readonly<Record<string, string>>;
  readonly #redis: RedisPart | undefined;
  #operator: Operator | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(
    private readonly options: DeploymentOptions,
    readonly directory: string,
    /** The files of its certificates. */
    readonly pki: PkiFiles,
  ) {
    const { trustDomain = TRUST_DOMAIN, logLevel = 'info', traces, store } = options;
    this.trustDomain = trustDomain;
    this.#common = { CPNS_LOG_LEVEL: logLevel, ...(traces && { OTEL_EXPORTER_OTLP_ENDPOINT: traces.url }) };
    if (typeof store === 'object') this.#redis = new RedisPart(store.redis, basename(directory));
    this.#workshop = new DeviceWorkshop({
      ...options,
      directory: join(directory, 'devices'),
      root: pki.root,
      gateway: (name) => ({
        uri: this.uri(name),
        token: this.address(name, 'token'),
        certificate: this.address(name, 'certificate'),
      }),
      admit: (admission) => this.admit(admission),
      common: this.#common,
    });
  }

  /**
   * Starts the Server side, then enrols and starts the gateways. What was started is stopped again when that fails.
   * @throws Error with the end of the log of the process that did not become ready
   */
  static async start(options: DeploymentOptions = {}): Promise<Deployment> {
    const directory = mkdtempSync(join(tmpdir(), 'cpns-testbed-'));
    const pki = await writePki(join(directory, 'pki'), options.trustDomain ?? TRUST_DOMAIN);
    const deployment = new Deployment(options, directory, pki);
    try {
      await deployment.#startAll();
      return deployment;
    } catch (error) {
      await deployment.stop();
      throw error;
    }
  }

  get operator(): Operator {
    this.#operator ??= new Operator({ server: this.#called(SERVER), smf: this.#called('smf') }, this.pki);
    return this.#operator;
  }

  /** Names of its processes, devices aside: `cpns-server`, `kmc`, `smf`, `<pn-id>/<entity-id>`; those that were started. */
  get services(): readonly string[] {
    return [...this.#services.values()].filter(({ wasStarted }) => wasStarted).map(({ spec }) => spec.name);
  }

  /** The devices that were made so far. */
  get devices(): readonly Device[] {
    return this.#workshop.devices;
  }

  /** E of an entity of this trust domain. */
  entity(pnId: string, entityType: EntityType, entityId: string): string {
    return formatEntityUri({ pnId, trustDomain: this.trustDomain, entityType, entityId });
  }

  /** URI of a service, or E of a gateway, by its name. */
  uri(service: string): string {
    return this.#service(service).spec.uri;
  }

  /** `127.0.0.1:<port>` of a service; the same for its whole life. */
  address(service: string, port: PortName): string {
    return this.#service(service).address(port);
  }

  pid(service: string): number {
    return this.#service(service).process.pid;
  }

  logFile(service: string): string {
    return this.#service(service).logFile;
  }

  masterKeyFile(service: string): string {
    return join(this.#service(service).spec.directory, 'master.key');
  }

  /** What a service keeps its records in: for `lookIntoStore`, or for `openStore` while the service is stopped. */
  storeUrl(service: string): string {
    return this.#service(service).spec.env.CPNS_STORE ?? '';
  }

  /** What a service says of itself on its certificate port. @throws CpnsError DEPENDENCY_UNAVAILABLE */
  health(service: string): Promise<HealthStatus> {
    return this.operator.checkHealth(this.#called(service));
  }

  /** With SIGKILL; resolves when the process is gone. */
  kill(service: string): Promise<void> {
    return this.#service(service).process.kill('SIGKILL');
  }

  /** Stops a service gracefully; `restart` brings it back. */
  stopService(service: string): Promise<void> {
    return this.#service(service).stop();
  }

  /** Starts a service again that was killed, or stops it first: on the same ports and the same store. */
  async restart(service: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const found = this.#service(service);
    await found.stop();
    await found.start(env);
    if (found.spec.name === SERVER) await this.operator.connection.ready();
  }

  /** Admits an entity; with a gateway as assigner, waits until that gateway has the admission. */
  admit({ gateway, assigner, ...admission }: AdmitOptions): Promise<Admitted> {
    const by = assigner === 'server' ? {} : { assigner: this.uri(assigner) };
    return this.operator.admit({ ...admission, ...by, peer: this.#called(gateway, 'token') });
  }

  /** Admits a device where that is needed, and prepares its files; no process is started. */
  prepareDevice(options: DeviceOptions): Promise<Device> {
    return this.#workshop.prepare(options);
  }

  /** Prepares a device and runs its process to a stage. @throws Error with the end of its log */
  async device(options: DeviceOptions): Promise<{ readonly device: Device; readonly result: DeviceResult }> {
    const device = await this.prepareDevice(options);
    return { device, result: await device.run(options.until) };
  }

  /** Enrols and starts one more gateway. @returns its name */
  async addGateway({ pn, id }: GatewaySpec, variables: Readonly<Record<string, string>> = {}): Promise<string> {
    const name = `${pn}/${id}`;
    const uri = this.entity(pn, 'pn-gw', id);
    const directory = this.#makeDirectory(`${pn}-${id}`);
    const env = { ...storeSettings(directory), CPNS_ONE_TIME_STRING_FILE: await this.#admitGateway(uri, directory) };
    await (await this.#plan({ name, app: 'pn-gw', uri, directory, env })).start(variables);
    return name;
  }

  /** Admits a gateway once more, and starts it again with its new one-time string. */
  async readmitGateway(name: string): Promise<void> {
    const { uri, directory } = this.#service(name).spec;
    await this.#admitGateway(uri, directory);
    await this.restart(name);
  }

  /** @returns the file of the one-time string */
  async #admitGateway(uri: string, directory: string): Promise<string> {
    const { oneTimeString } = await this.operator.admitGateway(uri, this.#called(SERVER, 'token'));
    const file = join(directory, 'one-time-string');
    rmSync(file, { force: true });
    return writePrivate(file, oneTimeString);
  }

  /**
   * Starts one more process of a service at a port of its own: on the same store, which is a Redis, or on that of its
   * variables.
   * @returns its name
   */
  async addReplica(name: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { spec } = this.#service(name);
    const replica = `${name}-${[...this.#services.keys()].filter((other) => other.startsWith(name)).length + 1}`;
    const directory = this.#makeDirectory(replica.replace('/', '-'));
    const service = await Service.plan({ ...spec, name: replica, directory, env: { ...spec.env, ...env } });
    this.#services.set(replica, service);
    await service.start();
    return replica;
  }

  /** Ends every process, and removes the directory. Later calls wait for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#operator?.close();
    await this.#workshop.stop();
    await Promise.all([...this.#services.values()].map((service) => service.stop()));
    await this.#redis?.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #startAll(): Promise<void> {
    const { services = SERVER_SIDE, gateways = [] } = this.options;
    const planned: Service[] = [];
    // also those that are not to run: a service knows its peers' addresses
    for (const name of ['kmc', SERVER, 'smf'] as const) {
      const directory = this.#makeDirectory(name);
      const settings = serverSideSettings(name, directory, this.trustDomain, this.pki);
      const env = { ...settings, ...(this.#redis && { CPNS_STORE: this.#redis.url(name) }) };
      planned.push(await this.#plan({ name, app: name, uri: serviceUri(this.trustDomain, name), directory, env }));
    }
    const wanted: readonly string[] = [SERVER, ...services];
    const starting = new Map(
      planned.filter(({ spec }) => wanted.includes(spec.name)).map((service) => [service.spec.name, service.start()]),
    );
    const startGateways = async () => {
      await starting.get(SERVER);
      await Promise.all(gateways.map((gateway) => this.addGateway(gateway)));
    };
    // all of them: one that is still starting when another failed would be missed by the stop
    const results = await Promise.allSettled([...starting.values(), startGateways()]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #called(name: string, port: PortName = 'certificate'): CalledPort {
    return { uri: this.uri(name), address: this.address(name, port) };
  }

  async #plan(spec: Omit<ServiceSpec, 'nodeOptions'>): Promise<Service> {
    const { name, app } = spec;
    const { env, nodeOptions } = forProcess(this.options, app, ...(app === name ? [] : [name]));
    const peers = () => peersOf(app, (peer) => this.address(peer, 'certificate'));
    const common = this.#common;
    const service = await Service.plan({
      ...spec,
      // asked for at the start: two services may call each other
      get env() {
        return { ...common, ...spec.env, ...peers(), ...env };
      },
      nodeOptions,
    });
    this.#services.set(name, service);
    return service;
  }

  #service(nameOrUri: string): Service {
    const found =
      this.#services.get(nameOrUri) ?? [...this.#services.values()].find(({ spec }) => spec.uri === nameOrUri);
    if (found === undefined) throw new Error(`the deployment has no service or gateway ${nameOrUri}`);
    return found;
  }

  #makeDirectory(name: string): string {
    const directory = join(this.directory, name);
    mkdirSync(directory, { mode: 0o700 });
    return directory;
  }
}
