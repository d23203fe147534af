/** What rows about Entity-User Keys are tried in: processes over the wire, or one service in the process of a test. */
import type { Issuer } from '@cpns/certificate-issuance';
import type { AssignmentReply, AssignmentRequest } from '@cpns/contracts';
import { duration, formatEntityUri, serviceUri, type EntityType, type TokenAuthKey } from '@cpns/core';
import { deriveTokenAuthKey, parseOneTimeString, type KeyForm, type OneTimeString } from '@cpns/key-derivation';
import type { AdmitRequest, Operator } from '../operator';
import type { PkiFiles } from '../pki-files';
import { issued, issuerOf, tlsOf } from './credentials';
import type { TestGateway } from './test-gateway';
import { Wire, type WireTls } from './wire';

/** The ports at which bad input is tried. */
export type Port = `${'gateway' | 'Server'} ${'token' | 'certificate'}` | 'SMF certificate' | 'KMC certificate';

/** Every class of caller there is. */
export type Caller =
  | 'anonymous'
  | 'operator'
  | `service ${'smf' | 'kmc' | 'cpns-server'}`
  | 'PN GW'
  | 'PN GW of another PN'
  | 'target entity'
  | 'target PN GW';

/** An admission, and what its holder knows. */
export interface Token extends Pick<OneTimeString, 'tokenId' | 'entity' | 'user' | 'form'> {
  /** A */
  readonly authKey: TokenAuthKey;
  readonly oneTime: OneTimeString;
}

export function tokenOf(oneTimeString: string | OneTimeString): Token {
  const oneTime = typeof oneTimeString === 'string' ? parseOneTimeString(oneTimeString) : oneTimeString;
  const { tokenId, entity, user, form, secret } = oneTime;
  return { tokenId, authKey: deriveTokenAuthKey(secret), entity, user, form, oneTime };
}

export interface AdmitWish {
  readonly form: KeyForm;
  /** The CPNS Server, the gateway under test, or the one whose keys the test holds. */
  readonly assigner: 'server' | 'gateway' | 'probe';
  /** A fresh PNE of pn1 without it. */
  readonly entity?: string;
  readonly user?: string;
  /** Milliseconds. */
  readonly lifetime?: number;
}

/** What rows have an operator do. */
export interface OperatorCalls extends Pick<Operator, 'revokeAdmission' | 'revokeKey'> {
  readonly enrolment: Pick<Operator['enrolment'], 'importFirstSeed' | 'revokeFirstSeed'>;
}

/** Who takes part in every world: authorities with their keys, two gateways whose keys the test holds, all kinds of callers. */
export type Cast = Pick<CastWorld, 'trustDomain' | 'pki' | 'authorities' | 'probe' | 'other' | 'callers'>;

/** @param gateway makes an acting gateway */
export async function castOf(
  trustDomain: string,
  pki: PkiFiles,
  gateway: (pn: string, id: string) => Promise<TestGateway>,
): Promise<Cast> {
  const [probe, other] = [await gateway('pn1', 'probe'), await gateway('pn9', 'other')];
  const authorities = { issuingCa: issuerOf(pki.issuingCa), entityCa: issuerOf(pki.serverEntityCa) };
  /** Of the Server entity CA. */
  const targetEntity = async (name: string) =>
    (await issued(authorities.entityCa, { profile: 'target-entity', uri: `cpns://pn1.${trustDomain}/${name}` })).tls;
  const callers = {
    anonymous: { root: probe.tls.root },
    operator: tlsOf(pki.operator, pki.root),
    'service smf': tlsOf(pki.services.smf, pki.root),
    'service kmc': tlsOf(pki.services.kmc, pki.root),
    'service cpns-server': tlsOf(pki.services['cpns-server'], pki.root),
    'PN GW': probe.tls,
    'PN GW of another PN': other.tls,
    'target entity': await targetEntity('pne/holder'),
    // its E is that of a gateway, its certificate a target entity's
    'target PN GW': await targetEntity('pn-gw/target'),
  };
  return { trustDomain, pki, authorities, probe, other, callers };
}

export abstract class CastWorld {
  declare readonly trustDomain: string;
  declare readonly pki: PkiFiles;
  /** Of the Server side, with their keys. */
  declare readonly authorities: { readonly issuingCa: Issuer; readonly entityCa: Issuer };
  /** An acting gateway of pn1 whose keys the test holds, and one of another PN. */
  declare readonly probe: TestGateway;
  declare readonly other: TestGateway;
  declare readonly callers: Readonly<Record<Caller, WireTls>>;
  readonly #wires = new Map<string, Wire>();
  #count = 0;

  constructor(cast: Cast) {
    Object.assign(this, cast);
  }

  /** E of the gateway under test. */
  abstract readonly gatewayUri: string;
  abstract readonly operator: OperatorCalls;
  /** `host:port` */
  abstract address(port: Port): string;
  /** Unix milliseconds, of the service under test. */
  abstract now(): number;
  /** Lets time pass there. */
  abstract pass(milliseconds: number): Promise<void>;
  abstract admit(wish: AdmitWish): Promise<Token>;
  /** Admits a PN GW of a fresh PN, which enrols itself at the Server. */
  abstract admitGateway(lifetime?: number, entity?: string): Promise<Token>;
  /** Resolves when the gateway under test has worked off all that it was sent. */
  abstract delivered(): Promise<void>;
  /** What an honest entity gets at the gateway that its one-time string names. */
  abstract ask(request: AssignmentRequest): Promise<AssignmentReply | undefined>;

  get serverUri(): string {
    return serviceUri(this.trustDomain, 'cpns-server');
  }

  /** DER */
  get rootDer(): Buffer {
    return this.pki.rootDer;
  }

  /** E of an entity that was not there before. */
  entity(pnId = 'pn1', entityType: EntityType = 'pne'): string {
    this.#count += 1;
    return formatEntityUri({ pnId, trustDomain: this.trustDomain, entityType, entityId: `e${this.#count}` });
  }

  /** A connection to a port as a caller, kept for the next row; token ports take any caller. */
  wire(port: Port, caller: Caller = 'anonymous'): Wire {
    const name = `${port} ${caller}`;
    const wire = this.#wires.get(name) ?? new Wire(this.address(port), this.callers[caller]);
    this.#wires.set(name, wire);
    return wire;
  }

  /** A connection with another certificate; closed with the world. */
  wireAs(port: Port, tls: WireTls): Wire {
    const wire = new Wire(this.address(port), tls);
    this.#wires.set(`own ${this.#wires.size}`, wire);
    return wire;
  }

  protected closeWires(): void {
    for (const wire of [...this.#wires.values(), this.probe, this.other]) wire.close();
  }
}

/** A world with an operator, who admits at a CPNS Server. */
export abstract class OperatedWorld extends CastWorld {
  abstract override readonly operator: Operator;
  /** Whom an admitted entity calls. */
  protected abstract readonly peer: AdmitRequest['peer'];
  #networks = 0;

  async admit({ assigner, entity = this.entity(), lifetime, ...wish }: AdmitWish): Promise<Token> {
    const { gatewayUri, probe, peer } = this;
    const by = { server: {}, gateway: { assigner: gatewayUri }, probe: { assigner: probe.uri } }[assigner];
    // the test's own gateway opens no delivery channel: it knows the token as its holder does
    const wanted = { entity, peer, waitUntilDelivered: assigner === 'gateway', ...by, ...wish };
    return tokenOf((await this.operator.admit({ ...wanted, expiresAt: this.#until(lifetime) })).oneTimeString);
  }

  async admitGateway(lifetime?: number, entity = this.entity(`pn-e${++this.#networks}`, 'pn-gw')): Promise<Token> {
    const peer = { uri: this.serverUri, address: this.address('Server token') };
    return tokenOf(
      (await this.operator.admitGateway(entity, peer, { expiresAt: this.#until(lifetime) })).oneTimeString,
    );
  }

  #until(lifetime = duration(1, 'hour')): number {
    return this.now() + lifetime;
  }
}
