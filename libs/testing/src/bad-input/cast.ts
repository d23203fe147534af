/** Who takes part in every world: authorities with their keys, two gateways whose keys the test holds, callers of all kinds. */
import type { Issuer } from '@cpns/certificate-issuance';
import type { AssignmentReply, AssignmentRequest } from '@cpns/contracts';
import { formatEntityUri, serviceUri, type EntityType } from '@cpns/core';
import type { PkiFiles } from '../pki-files';
import { issued, issuerOf, tlsOf, type Credential } from './credentials';
import type { TestGateway } from './test-gateway';
import { Wire, type WireTls } from './wire';
import type { AdmitWish, Caller, KeyWorld, OperatorCalls, Port, Token } from './world';

export interface Cast {
  readonly trustDomain: string;
  readonly pki: PkiFiles;
  readonly authorities: { readonly issuingCa: Issuer; readonly entityCa: Issuer };
  readonly probe: TestGateway;
  readonly other: TestGateway;
  /** A target entity of pn1 with a certificate from the Server entity CA. */
  readonly holder: Credential;
  readonly callers: Readonly<Record<Caller, WireTls>>;
}

/** @param gateway makes an acting gateway */
export async function castOf(
  trustDomain: string,
  pki: PkiFiles,
  gateway: (pn: string, id: string) => Promise<TestGateway>,
): Promise<Cast> {
  const [probe, other] = [await gateway('pn1', 'probe'), await gateway('pn9', 'other')];
  const authorities = { issuingCa: issuerOf(pki.issuingCa), entityCa: issuerOf(pki.serverEntityCa) };
  const entity = (entityType: EntityType, entityId: string) =>
    issued(authorities.entityCa, {
      profile: 'target-entity',
      uri: formatEntityUri({ pnId: 'pn1', trustDomain, entityType, entityId }),
    });
  const holder = await entity('pne', 'holder');
  const anonymous = { root: probe.tls.root };
  const callers = {
    anonymous,
    operator: tlsOf(pki.operator, pki.root),
    'service smf': tlsOf(pki.services.smf, pki.root),
    'service kmc': tlsOf(pki.services.kmc, pki.root),
    'service cpns-server': tlsOf(pki.services['cpns-server'], pki.root),
    'PN GW': probe.tls,
    'PN GW of another PN': other.tls,
    'target entity': holder.tls,
    // its E is that of a gateway, its certificate a target entity's
    'target PN GW': (await entity('pn-gw', 'target')).tls,
  };
  return { trustDomain, pki, authorities, probe, other, holder, callers };
}

/** What is the same in all worlds. */
export abstract class CastWorld implements KeyWorld {
  readonly trustDomain: string;
  readonly serverUri: string;
  readonly rootDer: Buffer;
  readonly authorities: Cast['authorities'];
  readonly probe: TestGateway;
  readonly other: TestGateway;
  readonly callers: Cast['callers'];
  readonly holder: Credential;
  readonly #wires = new Map<string, Wire>();
  #count = 0;

  constructor({ trustDomain, pki, authorities, probe, other, callers, holder }: Cast) {
    this.trustDomain = trustDomain;
    this.serverUri = serviceUri(trustDomain, 'cpns-server');
    this.rootDer = pki.rootDer;
    this.authorities = authorities;
    this.probe = probe;
    this.other = other;
    this.callers = callers;
    this.holder = holder;
  }

  abstract readonly gatewayUri: string;
  abstract readonly operator: OperatorCalls;
  abstract address(port: Port): string;
  abstract now(): number;
  abstract pass(milliseconds: number): Promise<void>;
  abstract admit(wish: AdmitWish): Promise<Token>;
  abstract admitGateway(lifetime?: number, entity?: string): Promise<Token>;
  abstract delivered(): Promise<void>;
  abstract ask(request: AssignmentRequest): Promise<AssignmentReply | undefined>;

  entity(pnId = 'pn1', entityType: EntityType = 'pne'): string {
    this.#count += 1;
    return formatEntityUri({ pnId, trustDomain: this.trustDomain, entityType, entityId: `e${this.#count}` });
  }

  /** E of a PN GW of a PN that was not there before. */
  protected gatewayEntity(): string {
    this.#count += 1;
    return this.entity(`pn-e${this.#count}`, 'pn-gw');
  }

  wire(port: Port, caller: Caller = 'anonymous'): Wire {
    const name = `${port} ${caller}`;
    const known = this.#wires.get(name) ?? new Wire(this.address(port), this.callers[caller]);
    this.#wires.set(name, known);
    return known;
  }

  wireAs(port: Port, tls: WireTls): Wire {
    const wire = new Wire(this.address(port), tls);
    this.#wires.set(`own ${this.#wires.size}`, wire);
    return wire;
  }

  protected closeWires(): void {
    for (const wire of this.#wires.values()) wire.close();
    this.probe.close();
    this.other.close();
  }
}
