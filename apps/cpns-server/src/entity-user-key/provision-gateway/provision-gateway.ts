/**
 * EUK-GW-S and EUK-GW-P, steps 1 to 3: a PN GW gets what it needs to assign Entity-User Keys itself, once per epoch
 * (Q8, Q9). The same request gets the same answer, so that a lost reply leaves no seed behind that nobody uses.
 */
import { issueCertificate, parseCsr } from '@cpns/certificate-issuance';
import type { ProvisionGatewayRequest, ProvisionGatewayResponse } from '@cpns/contracts';
import {
  CpnsError,
  failedPrecondition,
  FirstSeed,
  invalidArgument,
  NONCE_BYTES,
  SECRET_BYTES,
  type EntityName,
} from '@cpns/core';
import { checkSize, sha256 } from '@cpns/key-derivation';
import { at, expiring } from '@cpns/store';
import { emitStep, withinStep } from '@cpns/telemetry';
import type { ServerContext } from '../../context';
import {
  FIRST_SEED,
  firstSeedName,
  GATEWAY_CA,
  gatewayAggregate,
  gatewayCaName,
  IDENTITY,
  PROVISIONED,
  PROVISIONING,
  provisioningName,
  type FirstSeedRecord,
  type GatewayCaRecord,
} from '../../records/gateway-records';
import { withFirstSeed, withGatewayCa } from '../../records/provisioned';

const FIRST_SEED_ID_BYTES = 12;

export class ProvisionGateway {
  constructor(private readonly server: ServerContext) {}

  /** @throws CpnsError FIELD_MISSING, FIELD_SIZE, CSR_*; FIELD_OUT_OF_RANGE when the CSR has the gateway's own key */
  async execute(request: ProvisionGatewayRequest, gateway: EntityName): Promise<ProvisionGatewayResponse> {
    const { information } = request;
    if (information?.$case === 'firstSeed') {
      checkSize(information.value.requestId, NONCE_BYTES, 'request_id');
      return this.provision('EUK-GW-S', (startedAt) => this.firstSeed(information.value.requestId, gateway, startedAt));
    }
    if (information?.$case === 'caCsr') {
      return this.provision('EUK-GW-P', (startedAt) => this.gatewayCa(information.value, gateway, startedAt));
    }
    throw invalidArgument('FIELD_MISSING', 'ask for a first seed or with a CSR', {
      metadata: { field: 'information' },
    });
  }

  private provision<R>(flow: 'EUK-GW-S' | 'EUK-GW-P', work: (startedAt: number) => Promise<R>): Promise<R> {
    return withinStep({ flow, step: 2 }, () => work(this.server.clock.now()));
  }

  private report(flow: 'EUK-GW-S' | 'EUK-GW-P', gateway: EntityName, fresh: boolean, startedAt: number): void {
    const { uri } = this.server;
    const [asked, made] =
      flow === 'EUK-GW-S' ? (['request_id', 'first_seed'] as const) : (['ca_csr', 'certificate'] as const);
    emitStep({ flow, step: 1, from: gateway.uri, to: uri, carried: [asked], startedAt });
    if (fresh) emitStep({ flow, step: 2, from: uri, to: uri, carried: [made], startedAt });
  }

  private async firstSeed(
    requestId: Buffer,
    gateway: EntityName,
    startedAt: number,
  ): Promise<ProvisionGatewayResponse> {
    const aggregate = gatewayAggregate(gateway.uri);
    const before = { earlier: at(PROVISIONING, provisioningName(sha256(requestId))) };
    const { earlier } = await this.server.records.read(aggregate, before);
    const firstSeedId = earlier?.firstSeedId ?? this.server.random.bytes(FIRST_SEED_ID_BYTES).toString('hex');
    const wanted = { ...before, provisioned: at(PROVISIONED), seed: at(FIRST_SEED, firstSeedName(firstSeedId)) };
    const { seed, fresh } = await this.server.records.transact(aggregate, wanted, (found) => {
      if (found.earlier?.firstSeedId !== undefined && found.earlier.firstSeedId !== firstSeedId)
        throw new CpnsError('CONFLICT', 'the same request is being answered already: repeat it');
      if (found.seed?.revoked)
        throw failedPrecondition('FIRST_SEED_REVOKED', 'the 1st seed of this request was revoked: ask for another');
      if (found.seed !== undefined) return { result: { seed: found.seed, fresh: false } };
      const made = this.newSeed(firstSeedId);
      const put = {
        earlier: expiring({ firstSeedId }, made.registerUntil),
        seed: expiring(made, made.registerUntil),
        provisioned: withFirstSeed(found.provisioned, { id: firstSeedId, until: made.registerUntil }, startedAt),
      };
      return { result: { seed: made, fresh: true }, put };
    });
    this.report('EUK-GW-S', gateway, fresh, startedAt);
    const { assignUntil, registerUntil, maxEntities } = seed;
    return {
      information: {
        $case: 'firstSeed',
        value: {
          firstSeedId,
          firstSeed: seed.seed.expose(),
          assignUntil: BigInt(assignUntil),
          registerUntil: BigInt(registerUntil),
          maxEntities,
        },
      },
    };
  }

  private newSeed(firstSeedId: string): FirstSeedRecord {
    const { clock, random, limits } = this.server;
    const assignUntil = clock.now() + limits.firstSeedAssignFor;
    return {
      firstSeedId,
      seed: new FirstSeed(random.bytes(SECRET_BYTES)),
      assignUntil,
      registerUntil: assignUntil + limits.firstSeedRegisterFor,
      maxEntities: limits.firstSeedMaxEntities,
      revoked: false,
      registered: 0,
    };
  }

  private async gatewayCa(der: Buffer, gateway: EntityName, startedAt: number): Promise<ProvisionGatewayResponse> {
    const csr = parseCsr(der);
    const aggregate = gatewayAggregate(gateway.uri);
    const before = { earlier: at(PROVISIONING, provisioningName(sha256(der))), identity: at(IDENTITY) };
    const { earlier, identity } = await this.server.records.read(aggregate, before);
    if (identity?.keyDigest.equals(sha256(csr.spki)))
      throw invalidArgument('FIELD_OUT_OF_RANGE', 'a gateway CA has another key than the gateway’s identity', {
        metadata: { field: 'ca_csr' },
      });
    if (earlier?.caDigest !== undefined) return this.repeatCa(gateway, earlier.caDigest, startedAt);
    const notAfter = this.server.clock.now() + this.server.limits.gatewayCaLifetime;
    const issued = await issueCertificate(
      this.server.issuingCa,
      { profile: 'gateway-ca', uri: gateway.uri, key: csr.key, notAfter },
      this.server,
    );
    const caDigest = issued.fingerprint.toString('hex');
    const ca: GatewayCaRecord = { chain: issued.chain, notAfter: issued.notAfter, revoked: false };
    const wanted = { ...before, provisioned: at(PROVISIONED), ca: at(GATEWAY_CA, gatewayCaName(caDigest)) };
    await this.server.records.transact(aggregate, wanted, (found) => {
      if (found.earlier !== undefined)
        throw new CpnsError('CONFLICT', 'the same request is being answered already: repeat it');
      const put = {
        earlier: expiring({ caDigest }, ca.notAfter),
        ca: expiring(ca, ca.notAfter),
        provisioned: withGatewayCa(found.provisioned, { id: caDigest, until: ca.notAfter }, startedAt),
      };
      return { result: undefined, put };
    });
    this.report('EUK-GW-P', gateway, true, startedAt);
    return caGrant(ca);
  }

  private async repeatCa(gateway: EntityName, caDigest: string, startedAt: number): Promise<ProvisionGatewayResponse> {
    const { ca } = await this.server.records.read(gatewayAggregate(gateway.uri), {
      ca: at(GATEWAY_CA, gatewayCaName(caDigest)),
    });
    if (ca === undefined)
      throw new CpnsError('CERTIFICATE_EXPIRED', 'the certificate that this request got has ended: ask with a new key');
    this.report('EUK-GW-P', gateway, false, startedAt);
    return caGrant(ca);
  }
}

const caGrant = ({ chain }: GatewayCaRecord): ProvisionGatewayResponse => ({
  information: { $case: 'ca', value: { chain: [...chain] } },
});
