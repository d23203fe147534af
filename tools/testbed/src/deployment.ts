/**
 * A real deployment for tools and tests: every service its own process, with certificates, keys, stores and ports made for
 * it, on 127.0.0.1 and in one directory.
 */
import { formatEntityUri, parseEntityUri, serviceUri, type EntityType } from '@cpns/identity';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  envFor,
  forProcess,
  type AdmitOptions,
  type DeploymentOptions,
  type DeviceOptions,
  type GatewaySpec,
} from './deployment-options';
import { Device, type DeviceResult } from './device';
import { checkHealth, type HealthStatus } from './health';
import { Operator, type Admitted } from './operator';
import {
  SERVER_SIDE,
  writeMasterKey,
  writePki,
  writePrivate,
  type PkiFiles,
  type ServerSideService,
} from './pki-files';
import { removeRedisKeys, redisUrlWithPrefix } from './redis-keys';
import { Service, type PortName, type ServiceSpec } from './service';

export const TRUST_DOMAIN = 'testbed.example';

const SERVER = 'cpns-server';

export class Deployment {
  readonly directory: string;
  readonly trustDomain: string;
  readonly #options: DeploymentOptions;
  readonly #services = new Map<string, Service>();
  readonly #devices: Device[] = [];
  #prepared = 0;
  readonly #prefix: string;
  #pki: PkiFiles | undefined;
  #operator: Operator | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(options: DeploymentOptions) {
    this.directory = mkdtempSync(join(tmpdir(), 'cpns-testbed-'));
    this.trustDomain = options.trustDomain ?? TRUST_DOMAIN;
    this.#options = options;
    this.#prefix = this.directory.slice(this.directory.lastIndexOf('-') + 1);
  }

  /**
   * Starts the Server side, then enrols and starts the gateways. What was started is stopped again when that fails.
   * @throws Error with the end of the log of the process that did not become ready
   */
  static async start(options: DeploymentOptions = {}): Promise<Deployment> {
    const deployment = new Deployment(options);
    try {
      await deployment.#startAll();
      return deployment;
    } catch (error) {
      await deployment.stop();
      throw error;
    }
  }

  /** The files of its certificates. */
  get pki(): PkiFiles {
    if (this.#pki === undefined) throw new Error('the deployment has no certificates yet');
    return this.#pki;
  }

  get operator(): Operator {
    if (this.#operator === undefined) throw new Error('the CPNS Server was not started');
    return this.#operator;
  }

  /** Names of its processes, devices aside: `cpns-server`, `kmc`, `smf`, `<pn-id>/<entity-id>`. */
  get services(): readonly string[] {
    return [...this.#services.keys()];
  }

  /** The devices that were made so far. */
  get devices(): readonly Device[] {
    return this.#devices;
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

  /** For `openStore`: what a service keeps its records in. */
  storeUrl(service: string): string {
    return this.#storeUrl(this.#service(service).name);
  }

  /** What a service says of itself on its certificate port. @throws CpnsError DEPENDENCY_UNAVAILABLE */
  health(service: string): Promise<HealthStatus> {
    const { root, operator } = this.pki;
    return checkHealth({
      address: this.address(service, 'certificate'),
      expectedPeer: this.uri(service),
      tls: { root: readFileSync(root), cert: readFileSync(operator.chain), key: readFileSync(operator.key) },
    });
  }

  /** With SIGKILL, resolves when the process is gone. */
  kill(service: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return this.#service(service).kill(signal);
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
    if (found.name === SERVER) await this.operator.connection.ready();
  }

  /** Admits an entity; with a gateway as assigner, waits until that gateway has the admission. */
  admit({ gateway, assigner, ...admission }: AdmitOptions): Promise<Admitted> {
    const peer = { uri: this.uri(gateway), address: this.address(gateway, 'token') };
    return this.operator.admit({
      ...admission,
      peer,
      ...(assigner === 'server' ? {} : { assigner: this.uri(assigner) }),
    });
  }

  /** Admits a device where that is needed, and prepares its files; no process is started. */
  async prepareDevice(options: DeviceOptions): Promise<Device> {
    const { entity, gateway, user } = options;
    const directory = join(this.directory, 'devices', String(this.#prepared++));
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const secret: Record<string, string> =
      'preSharedKey' in options
        ? {
            CPNS_PRE_SHARED_KEY_FILE: writePrivate(
              join(directory, 'pre-shared.key'),
              options.preSharedKey.toString('hex'),
            ),
            CPNS_ENTITY: entity,
            CPNS_GATEWAY: this.uri(gateway),
            CPNS_GATEWAY_ADDRESS: this.address(gateway, 'token'),
            CPNS_ROOT_FILE: this.pki.root,
            ...(user === undefined ? {} : { CPNS_USER: user }),
          }
        : {
            CPNS_ONE_TIME_STRING_FILE: writePrivate(
              join(directory, 'one-time-string'),
              await this.#oneTimeString(options),
            ),
          };
    const device = new Device({
      entity,
      directory,
      env: {
        ...this.#commonEnv(),
        ...secret,
        CPNS_MASTER_KEY_FILE: writeMasterKey(join(directory, 'master.key')),
        CPNS_GATEWAY_CERTIFICATE_ADDRESS: this.address(gateway, 'certificate'),
        ...envFor(this.#options.env, 'pne', entity),
        ...options.env,
      },
      nodeOptions: forProcess(this.#options.nodeOptions, 'pne', entity).flat(),
    });
    this.#devices.push(device);
    return device;
  }

  /** Prepares a device and runs its process to a stage. @throws Error with the end of its log */
  async device(options: DeviceOptions): Promise<{ readonly device: Device; readonly result: DeviceResult }> {
    const device = await this.prepareDevice(options);
    return { device, result: await device.run(options.until) };
  }

  /** Enrols and starts one more gateway. @returns its name */
  async addGateway({ pn, id }: GatewaySpec): Promise<string> {
    const name = `${pn}/${id}`;
    const uri = this.entity(pn, 'pn-gw', id);
    const { oneTimeString } = await this.operator.admit({
      entity: uri,
      role: 'pn-gw',
      form: 'key-pair',
      peer: { uri: this.uri(SERVER), address: this.address(SERVER, 'token') },
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
    });
    const directory = this.#makeDirectory(name);
    const env = {
      CPNS_ONE_TIME_STRING_FILE: writePrivate(join(directory, 'one-time-string'), oneTimeString),
      CPNS_SERVER_ADDRESS: this.address(SERVER, 'certificate'),
    };
    const listen = { certificate: 'CPNS_LISTEN', token: 'CPNS_TOKEN_LISTEN' };
    const gateway = await this.#plan({ name, app: 'pn-gw', uri, directory, listen, env, nodeOptions: [] });
    await gateway.start();
    return name;
  }

  /** Ends every process, and removes the directory unless it is to be kept. Later calls wait for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#operator?.close();
    await Promise.all(this.#devices.map((device) => device.stop()));
    await Promise.all([...this.#services.values()].map((service) => service.stop()));
    const { store } = this.#options;
    if (typeof store === 'object')
      for (const name of SERVER_SIDE) await removeRedisKeys(store.redis, this.#redisPrefix(name));
    if (this.#options.keep !== true) rmSync(this.directory, { recursive: true, force: true });
  }

  async #startAll(): Promise<void> {
    const wanted = new Set<ServerSideService>([SERVER, ...(this.#options.services ?? SERVER_SIDE)]);
    this.#pki = await writePki(join(this.directory, 'pki'), this.trustDomain);
    const planned = await Promise.all([...wanted].map((name) => this.#planServerSide(name, this.pki)));
    const starting = planned.map((service) => service.start());
    const [server] = starting;
    this.#operator = new Operator({ uri: this.uri(SERVER), address: this.address(SERVER, 'certificate') }, this.pki);
    const gateways = async () => {
      await server;
      await Promise.all((this.#options.gateways ?? []).map((gateway) => this.addGateway(gateway)));
    };
    // all of them: one that is still starting when another failed would be missed by the stop
    const results = await Promise.allSettled([...starting, gateways()]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #planServerSide(name: ServerSideService, pki: PkiFiles): Promise<Service> {
    const directory = this.#makeDirectory(name);
    const authorities = {
      CPNS_ISSUING_CA_KEY_FILE: pki.issuingCa.key,
      CPNS_ENTITY_CA_FILE: pki.serverEntityCa.certificate,
      CPNS_ENTITY_CA_KEY_FILE: pki.serverEntityCa.key,
    };
    const env = {
      CPNS_TRUST_DOMAIN: this.trustDomain,
      CPNS_ROOT_FILE: pki.root,
      CPNS_TLS_CHAIN_FILE: pki.services[name].chain,
      CPNS_TLS_KEY_FILE: pki.services[name].key,
      CPNS_ISSUING_CA_FILE: pki.issuingCa.certificate,
      ...(name === SERVER ? authorities : {}),
    };
    const listen = { certificate: 'CPNS_LISTEN', ...(name === SERVER ? { token: 'CPNS_TOKEN_LISTEN' } : {}) };
    const uri = serviceUri(this.trustDomain, name);
    return this.#plan({ name, app: name, uri, directory, listen, env, nodeOptions: [] });
  }

  async #plan(spec: ServiceSpec): Promise<Service> {
    const { name, app, directory } = spec;
    const { env, nodeOptions } = this.#options;
    const service = await Service.plan({
      ...spec,
      env: {
        ...this.#commonEnv(),
        CPNS_STORE: this.#storeUrl(name),
        CPNS_MASTER_KEY_FILE: writeMasterKey(join(directory, 'master.key')),
        ...spec.env,
        ...envFor(env, app, ...(app === name ? [] : [name])),
      },
      nodeOptions: forProcess(nodeOptions, app, ...(app === name ? [] : [name])).flat(),
    });
    this.#services.set(name, service);
    return service;
  }

  async #oneTimeString(options: DeviceOptions): Promise<string> {
    if ('oneTimeString' in options) return options.oneTimeString;
    if ('preSharedKey' in options) throw new Error('a device with a pre-shared key is not admitted');
    return (await this.admit(options)).oneTimeString;
  }

  #service(nameOrUri: string): Service {
    const found =
      this.#services.get(nameOrUri) ?? [...this.#services.values()].find(({ spec }) => spec.uri === nameOrUri);
    if (found === undefined) throw new Error(`the deployment has no service or gateway ${nameOrUri}`);
    return found;
  }

  #makeDirectory(name: string): string {
    const directory = join(this.directory, name.replace('/', '-'));
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return directory;
  }

  #redisPrefix(name: string): string {
    return `testbed-${this.#prefix}-${name}:`;
  }

  #storeUrl(name: string): string {
    const { store } = this.#options;
    const isServerSide = (SERVER_SIDE as readonly string[]).includes(name);
    if (typeof store === 'object' && isServerSide) return redisUrlWithPrefix(store.redis, this.#redisPrefix(name));
    return `embedded:${join(this.directory, name.replace('/', '-'), 'store')}`;
  }

  #commonEnv(): Record<string, string> {
    const { logLevel = 'info', traces } = this.#options;
    return { CPNS_LOG_LEVEL: logLevel, ...(traces === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: traces.url }) };
  }
}

/** The pn-id and entity-id of a gateway's E, as {@link Deployment} names it. */
export function gatewayName(uri: string): string {
  const { pnId, entityId } = parseEntityUri(uri);
  return `${pnId}/${entityId}`;
}
