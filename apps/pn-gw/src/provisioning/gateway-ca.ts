/** EUK-GW-P steps 1 to 3 at the gateway: gets its CA certificate, once per epoch (Q9), and issues with it. */
import { createCsr, createIssuer, newPrivateKey, signerFromPkcs8, type Issuer } from '@cpns/certificate-issuance';
import { Clock, CpnsError, PrivateKeyDer } from '@cpns/core';
import { fields, type GatewayCaInForce } from '@cpns/contracts';
import { checkSize, DIGEST_BYTES, sha256 } from '@cpns/key-derivation';
import { at, defineRecord, jsonField, optional, Records, secretField, type ValueIn } from '@cpns/store';
import { emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { ServerClients } from '../peers/peer-clients';
import {
  askAnew,
  InForce,
  orNotProvisioned,
  PROVISIONED,
  type Provisioned,
  PROVISIONING_AGGREGATE,
  ProvisioningRun,
} from './in-force';

/** `ca`: what certificates are issued with; under {@link NEXT_CA}: what is asked for. */
export const GATEWAY_CA = defineRecord('ca', {
  privateKey: secretField(PrivateKeyDer),
  /** DER. */
  csr: jsonField<Buffer>(),
  /** DER, the gateway CA first, root last; absent while the request may be under way. */
  chain: optional(jsonField<readonly Buffer[]>()),
  ...PROVISIONED,
});
export type GatewayCaRecord = ValueIn<typeof GATEWAY_CA>;
export const NEXT_CA = 'next-ca';

/** A new certificate is asked for when a fifth of the old one's life is left. */
const REMAINDER = 0.2;

@Injectable()
export class GatewayCa {
  readonly #provisioning = new ProvisioningRun<Issuer>();
  #kept: { readonly issuer: Issuer; readonly got: Provisioned } | undefined;

  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly records: Records,
    private readonly inForce: InForce,
    private readonly clock: Clock,
  ) {}

  /** What target entities' certificates are issued with. @throws CpnsError GATEWAY_NOT_PROVISIONED */
  async issuer(): Promise<Issuer> {
    const current = await this.current();
    if (current !== undefined && this.clock.now() < current.certificate.notAfter) return current;
    return orNotProvisioned(this.provision(), 'CA certificate in force');
  }

  /** Asks for a new certificate where there is none, or the one there is comes to its end. @throws CpnsError DEPENDENCY_UNAVAILABLE */
  async keepProvisioned(): Promise<void> {
    const issuer = await this.current();
    if (issuer === undefined || this.isEnding(issuer)) await this.provision();
  }

  /** The Server says that a CA was revoked: nothing more is issued with it. @param issuer DER */
  async drop(issuer: Buffer): Promise<void> {
    const current = await this.current();
    if (!current?.chain[0]?.equals(issuer)) return;
    await this.forget('ca');
    this.#kept = undefined;
  }

  /** The Server says that a CA is in force. @throws CpnsError FIELD_SIZE */
  async confirm({ certificateDigest }: GatewayCaInForce): Promise<void> {
    checkSize(certificateDigest, DIGEST_BYTES, 'certificate_digest');
    const stamp = await this.inForce.stamp();
    await this.records.transact(PROVISIONING_AGGREGATE, { ca: at(GATEWAY_CA) }, ({ ca }) => {
      const certificate = ca?.chain?.[0];
      if (ca === undefined || certificate === undefined || !sha256(certificate).equals(certificateDigest))
        return { result: undefined };
      return { result: undefined, put: { ca: { ...ca, ...stamp } } };
    });
  }

  private isEnding({ certificate: { notBefore, notAfter } }: Issuer): boolean {
    return this.clock.now() >= notAfter - (notAfter - notBefore) * REMAINDER;
  }

  private async current(): Promise<Issuer | undefined> {
    if (this.#kept !== undefined && (await this.inForce.has(this.#kept.got))) return this.#kept.issuer;
    const { ca } = await this.records.read(PROVISIONING_AGGREGATE, { ca: at(GATEWAY_CA) });
    if (ca?.chain === undefined || !(await this.inForce.has(ca))) return undefined;
    this.#kept = { issuer: createIssuer(ca.chain, signerFromPkcs8(ca.privateKey)), got: ca };
    return this.#kept.issuer;
  }

  private provision(): Promise<Issuer> {
    return this.#provisioning.run(async () => {
      const { pending, information } = await askAnew(
        () => this.ask(),
        ({ metadata }) => metadata.certificate === 'ca',
        () => this.forget(NEXT_CA),
      );
      if (information?.$case !== 'ca') throw new CpnsError('FIELD_MISSING', 'the Server sent no certificate');
      const chain = fields.chain(information.value.chain, 'chain');
      // refuses a certificate that is not for the key that was sent
      const issuer = createIssuer(chain, signerFromPkcs8(pending.privateKey));
      if (issuer.gateway?.uri !== this.own.uri)
        throw new CpnsError('PEER_UNEXPECTED', 'the Server sent the certificate of another gateway');
      const stamp = await this.inForce.stamp();
      await withinStep({ flow: 'EUK-GW-P', step: 3 }, () => this.keep({ ...pending, chain, ...stamp }));
      emitStep({ flow: 'EUK-GW-P', step: 3, from: this.server.uri, to: this.own.uri, carried: ['chain'] });
      this.#kept = { issuer, got: stamp };
      return issuer;
    });
  }

  private async ask() {
    const pending = await withinStep({ flow: 'EUK-GW-P', step: 1 }, () => this.pendingRequest());
    const request = { information: { $case: 'caCsr' as const, value: pending.csr } };
    return { pending, ...(await this.server.entityUserKey.provisionGateway(request)) };
  }

  private async pendingRequest(): Promise<GatewayCaRecord> {
    const wanted = { next: at(GATEWAY_CA, NEXT_CA) };
    const seen = await this.records.snapshot(PROVISIONING_AGGREGATE, wanted);
    if (seen.found.next !== undefined) return seen.found.next;
    const privateKey = newPrivateKey();
    const made = { privateKey, csr: await createCsr(signerFromPkcs8(privateKey)) };
    const decide = ({ next }: typeof seen.found) =>
      next === undefined ? { result: made, put: { next: made } } : { result: next };
    return this.records.transact(PROVISIONING_AGGREGATE, wanted, decide, seen);
  }

  private forget(name: string): Promise<void> {
    return this.records.transact(PROVISIONING_AGGREGATE, { ca: at(GATEWAY_CA, name) }, () => ({
      result: undefined,
      put: { ca: null },
    }));
  }

  private async keep(record: GatewayCaRecord): Promise<void> {
    const wanted = { ca: at(GATEWAY_CA), next: at(GATEWAY_CA, NEXT_CA) };
    await this.records.transact(PROVISIONING_AGGREGATE, wanted, () => ({
      result: undefined,
      put: { ca: record, next: null },
    }));
  }
}
