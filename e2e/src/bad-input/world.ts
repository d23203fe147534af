import { dersToPem, type Issuer } from '@cpns/certificate-issuance';
import { PnGatewayServiceService } from '@cpns/contracts';
import { CpnsError, type TokenAuthKey, type EntityType } from '@cpns/core';
import { OUTBOX } from '@cpns/delivery';
import { deriveTokenAuthKey, parseOneTimeString, type KeyForm, type OneTimeString } from '@cpns/key-derivation';
import { Deployment, type DeploymentOptions, type PortName } from '@cpns/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { issued, issuerOf, tlsOf, type Credential } from '../support/credentials';
import { StoreWatch, type StoreState } from '../support/store-states';
import { TestGateway } from '../support/test-gateway';
import { Wire, type WireTls } from '../support/wire';

/** The ports at which bad input is tried. */
export type Port =
  | 'gateway token'
  | 'gateway certificate'
  | 'Server token'
  | 'Server certificate'
  | 'SMF certificate'
  | 'KMC certificate';

const PORTS: Readonly<Record<Port, { readonly service: string; readonly port: PortName }>> = {
  'gateway token': { service: 'pn1/gw1', port: 'token' },
  'gateway certificate': { service: 'pn1/gw1', port: 'certificate' },
  'Server token': { service: 'cpns-server', port: 'token' },
  'Server certificate': { service: 'cpns-server', port: 'certificate' },
  'SMF certificate': { service: 'smf', port: 'certificate' },
  'KMC certificate': { service: 'kmc', port: 'certificate' },
};

/** Who assigns: the CPNS Server, the running gateway, or the one whose keys the suite holds. */
export type Assigner = 'server' | 'gateway' | 'probe';

/** An admission, and what its holder knows. */
export interface Token {
  readonly tokenId: string;
  /** A */
  readonly authKey: TokenAuthKey;
  readonly entity: string;
  readonly user: string;
  readonly form: KeyForm;
  readonly oneTime: OneTimeString;
}

export interface AdmitWish {
  readonly form: KeyForm;
  readonly assigner: Assigner;
  /** A fresh PNE of pn1 without it. */
  readonly entity?: string;
  readonly user?: string;
  /** Milliseconds. */
  readonly lifetime?: number;
}

const DELIVERED_MS = 20_000;
const POLL_MS = 10;

/** One deployment, two gateways whose keys the suite holds, callers of every kind, and a look into every store. */
export class World {
  readonly #wires = new Map<string, Wire>();
  readonly #made = new Map<string, Promise<unknown>>();
  readonly #endings: (() => unknown)[] = [];
  #count = 0;

  private constructor(
    readonly deployment: Deployment,
    readonly stores: StoreWatch,
    /** An acting gateway of pn1, beside the running one. */
    readonly probe: TestGateway,
    /** An acting gateway of another PN. */
    readonly other: TestGateway,
    /** Authorities of the deployment, with their keys. */
    readonly authorities: { readonly issuingCa: Issuer; readonly entityCa: Issuer },
    /** Callers by name, see {@link callersOf}. */
    readonly callers: Readonly<Record<Caller, WireTls>>,
    /** A target entity of pn1 with a certificate from the Server entity CA. */
    readonly holder: Credential,
    /** Where gateways look for 1st seeds that were put in at manufacture. */
    readonly seedDirectory: string,
  ) {}

  /** @param seedDirectory removed at the end */
  static async start(
    options: DeploymentOptions,
    seedDirectory = mkdtempSync(join(tmpdir(), 'cpns-seeds-')),
  ): Promise<World> {
    const manufactured = { CPNS_FIRST_SEED_DIRECTORY: seedDirectory, ...options.env?.['pn-gw'] };
    const env = { ...options.env, 'pn-gw': manufactured };
    const deployment = await Deployment.start({ services: ['cpns-server'], ...options, env });
    try {
      const urls = Object.fromEntries(deployment.services.map((name) => [name, deployment.storeUrl(name)]));
      const stores = new StoreWatch(urls);
      const probe = await TestGateway.enrol(deployment, 'pn1', 'probe');
      const other = await TestGateway.enrol(deployment, 'pn9', 'other');
      const { pki } = deployment;
      const authorities = { issuingCa: issuerOf(pki.issuingCa), entityCa: issuerOf(pki.serverEntityCa) };
      const uri = deployment.entity('pn1', 'pne', 'holder');
      const holder = await issued(authorities.entityCa, { profile: 'target-entity', uri });
      const callers = await callersOf(deployment, authorities.entityCa, { probe, other, holder });
      return new World(deployment, stores, probe, other, authorities, callers, holder, seedDirectory);
    } catch (error) {
      await deployment.stop();
      throw error;
    }
  }

  get gatewayUri(): string {
    return this.deployment.uri('pn1/gw1');
  }

  get serverUri(): string {
    return this.deployment.uri('cpns-server');
  }

  /** PEM */
  get root(): string {
    return dersToPem([this.deployment.pki.rootDer]);
  }

  /** E of an entity that was not there before. */
  entity(pn = 'pn1', type: EntityType = 'pne'): string {
    this.#count += 1;
    return this.deployment.entity(pn, type, `e${this.#count}`);
  }

  address(port: Port): string {
    return this.deployment.address(PORTS[port].service, PORTS[port].port);
  }

  /** A connection to a port as a caller, kept for the next row; token ports take anybody. */
  wire(port: Port, caller: Caller = 'anonymous'): Wire {
    const name = `${port} ${caller}`;
    const known = this.#wires.get(name) ?? new Wire(this.address(port), this.callers[caller]);
    this.#wires.set(name, known);
    return known;
  }

  /** A connection with another certificate; closed with the world. */
  wireAs(port: Port, tls: WireTls): Wire {
    const wire = new Wire(this.address(port), tls);
    this.#wires.set(`own ${this.#wires.size}`, wire);
    return wire;
  }

  uriOf(assigner: Exclude<Assigner, 'server'>): string {
    return assigner === 'gateway' ? this.gatewayUri : this.probe.uri;
  }

  /** Admits a target entity, which is told to call the running gateway. */
  async admit({ form, assigner, entity = this.entity(), user = '', lifetime }: AdmitWish): Promise<Token> {
    const { oneTimeString } = await this.deployment.operator.admit({
      entity,
      user,
      form,
      peer: { uri: this.gatewayUri, address: this.address('gateway token') },
      // the suite's own gateway opens no delivery channel: it knows the token as its holder does
      waitUntilDelivered: assigner === 'gateway',
      ...(assigner === 'server' ? {} : { assigner: this.uriOf(assigner) }),
      ...(lifetime === undefined ? {} : { lifetime }),
    });
    return tokenOf(oneTimeString);
  }

  private gatewayEntity(): string {
    this.#count += 1;
    return this.deployment.entity(`pn-e${this.#count}`, 'pn-gw', 'gw');
  }

  /** Admits a PN GW of a fresh PN, which enrols itself at the Server. */
  async admitGateway(lifetime?: number, entity = this.gatewayEntity()): Promise<Token> {
    const { oneTimeString } = await this.deployment.operator.admit({
      entity,
      role: 'pn-gw',
      form: 'key-pair',
      peer: { uri: this.serverUri, address: this.address('Server token') },
      dnsNames: ['localhost'],
      ...(lifetime === undefined ? {} : { lifetime }),
    });
    return tokenOf(oneTimeString);
  }

  /** Resolves when a running gateway has worked off all that it was sent. */
  async delivered(gateway = 'pn1/gw1'): Promise<void> {
    const entity = this.deployment.uri(gateway);
    const until = Date.now() + DELIVERED_MS;
    for (;;) {
      const found = await this.deployment.operator.enrolment.getGateway({ entity });
      if (found.gateway?.undelivered === 0n) return;
      if (Date.now() > until) throw new CpnsError('DEPENDENCY_UNAVAILABLE', `${gateway} takes in nothing`);
      await sleep(POLL_MS);
    }
  }

  /** What several rows share: made for the first that asks. */
  once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#made.get(name);
    if (known !== undefined) return known as Promise<T>;
    const made = make();
    this.#made.set(name, made);
    // what could not be made is the failure of each row that asked meanwhile, and tried again by the next
    made.catch(() => this.#made.delete(name));
    return made;
  }

  /** Done when the world stops, the last one first. */
  onStop(ending: () => unknown): void {
    this.#endings.unshift(ending);
  }

  /** Resolves when no service has anything left to carry on by itself, and every running gateway was told all. */
  async rest(): Promise<StoreState> {
    const gateways = this.deployment.services.filter((name) => name.includes('/'));
    const told = new Set(gateways.map((name) => `gateway/${this.deployment.uri(name)}`));
    return this.stores.settled(({ dumps }) =>
      Object.values(dumps).every((stored) =>
        Object.entries(stored).every(([aggregate, { logs }]) =>
          Object.entries(logs).every(
            ([log, { entries }]) => entries.length === 0 || (log !== OUTBOX && !told.has(aggregate)),
          ),
        ),
      ),
    );
  }

  async stop(): Promise<void> {
    for (const ending of this.#endings) await ending();
    for (const wire of this.#wires.values()) wire.close();
    this.probe.close();
    this.other.close();
    await this.deployment.stop();
    rmSync(this.seedDirectory, { recursive: true, force: true });
  }
}

/** The path that an entity calls at its gateway. */
export const ASSIGN_METHOD = PnGatewayServiceService.assignEntityUserKey.path;

function tokenOf(oneTimeString: string): Token {
  const oneTime = parseOneTimeString(oneTimeString);
  const { tokenId, entity, user, form, secret } = oneTime;
  return { tokenId, authKey: deriveTokenAuthKey(secret), entity, user, form, oneTime };
}

/** Every class of caller there is. */
export const CALLERS = [
  'anonymous',
  'operator',
  'service smf',
  'service kmc',
  'service cpns-server',
  'PN GW',
  'PN GW of another PN',
  'target entity',
  'target PN GW',
] as const;
export type Caller = (typeof CALLERS)[number];

async function callersOf(
  deployment: Deployment,
  entityCa: Issuer,
  { probe, other, holder }: { probe: TestGateway; other: TestGateway; holder: Credential },
): Promise<Record<Caller, WireTls>> {
  const { pki } = deployment;
  const uri = deployment.entity('pn1', 'pn-gw', 'target');
  return {
    anonymous: { root: dersToPem([pki.rootDer]) },
    operator: tlsOf(pki.operator, pki.root),
    'service smf': tlsOf(pki.services.smf, pki.root),
    'service kmc': tlsOf(pki.services.kmc, pki.root),
    'service cpns-server': tlsOf(pki.services['cpns-server'], pki.root),
    'PN GW': probe.tls,
    'PN GW of another PN': other.tls,
    'target entity': holder.tls,
    // its E is that of a gateway, its certificate a target entity's
    'target PN GW': (await issued(entityCa, { profile: 'target-entity', uri })).tls,
  };
}
