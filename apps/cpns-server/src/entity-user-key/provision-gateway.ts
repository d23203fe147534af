/** What a PN GW gets of the Server: its identity once it enrolled, then what it assigns Entity-User Keys with. */
import { issueCertificate, parseCsr } from '@cpns/certificate-issuance';
import type { ProvisionGatewayRequest, ProvisionGatewayResponse } from '@cpns/contracts';
import {
  Clock,
  CpnsError,
  failedPrecondition,
  FirstSeed,
  invalidArgument,
  NONCE_BYTES,
  parseEntityUri,
  Random,
  SECRET_BYTES,
  unauthenticated,
} from '@cpns/core';
import type { Receiver } from '@cpns/delivery';
import { checkMayReplace } from '@cpns/entity-user-key';
import { checkSize, sha256 } from '@cpns/key-derivation';
import { OwnIdentity, PersonalNetworks } from '@cpns/platform';
import { at, defineRecord, expiring, jsonField, optional } from '@cpns/store';
import { emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Authorities } from '../authorities/authorities';
import { EndedCertificates } from '../certificates/ended-certificates';
import { ServerConfig } from '../config';
import type { AdmissionRecord } from '../entities/records';
import {
  FIRST_SEED,
  firstSeedName,
  GATEWAY_CA,
  gatewayCaName,
  GatewayRecords,
  IDENTITY,
  isInForce,
  lifeOf,
  PROVISIONED,
  requireStanding,
  withFirstSeed,
  withGatewayCa,
  type FirstSeedRecord,
  type GatewayCaRecord,
} from '../gateways/records';

/** How a provisioning request was answered: the same request gets the same answer. */
export const PROVISIONING = defineRecord('provisioning', {
  firstSeedId: optional(jsonField<string>()),
  caDigest: optional(jsonField<string>()),
});

const provisioningName = (requestDigest: Buffer): string => `provisioning.${requestDigest.toString('hex')}`;

@Injectable()
export class RecordIdentity {
  constructor(
    private readonly gateways: GatewayRecords,
    private readonly networks: PersonalNetworks,
    private readonly certificates: EndedCertificates,
    private readonly clock: Clock,
  ) {}

  /**
   * Makes an enrolled gateway known under its E. The admission was committed before, in another aggregate: a repetition
   * comes through here again, so that a crash in between is mended by it.
   * @throws CpnsError LIVE_KEY when the gateway has a younger identity
   */
  async execute(admission: AdmissionRecord): Promise<void> {
    const { entity, tokenId, admittedAt, certificateDigest, certificateKeyDigest, certificateNotAfter } = admission;
    if (certificateDigest === undefined || certificateKeyDigest === undefined || certificateNotAfter === undefined)
      throw new CpnsError('INTERNAL', 'an enrolled gateway has a certificate');
    // the index first: a crash in between leaves an entry that leads nowhere
    await this.networks.add(parseEntityUri(entity));
    const before = await this.gateways.identityOf(entity);
    if (before?.tokenId === tokenId) return;
    checkMayReplace(before, admittedAt, this.clock.now());
    await this.certificates.endIdentity(before);
    const replaced = await this.gateways.transact(entity, { identity: at(IDENTITY) }, ({ identity }) => {
      if (identity?.tokenId === tokenId) return { result: undefined };
      checkMayReplace(identity, admittedAt, this.clock.now());
      return {
        result: identity,
        put: {
          identity: {
            entity,
            state: 'live' as const,
            tokenId,
            admittedAt,
            enrolledAt: this.clock.now(),
            certificateDigest,
            keyDigest: certificateKeyDigest,
            notAfter: certificateNotAfter,
            // a replacement keeps the life, and with it the keys that the gateway assigned; a revocation has raised it
            ...(identity && { life: lifeOf(identity) }),
            ...(identity?.retireAt !== undefined && { retireAt: identity.retireAt }),
          },
        },
      };
    });
    await this.certificates.endIdentity(replaced);
  }
}

const FIRST_SEED_ID_BYTES = 12;

/**
 * EUK-GW-S and EUK-GW-P, steps 1 to 3: a PN GW gets what it needs to assign Entity-User Keys itself, once per epoch
 * (Q8, Q9). The same request gets the same answer, so that a lost reply leaves no unused seed behind.
 */
@Injectable()
export class ProvisionGateway {
  constructor(
    private readonly own: OwnIdentity,
    private readonly config: ServerConfig,
    private readonly authorities: Authorities,
    private readonly gateways: GatewayRecords,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * The commit expects the gateway's identity as it is, so that a revocation ends what was given before and refuses the rest.
   * @throws CpnsError FIELD_MISSING, FIELD_SIZE, CSR_*; FIELD_OUT_OF_RANGE when the CSR has the gateway's own key;
   *   CERTIFICATE_REVOKED, with `certificate` = `ca` of a CA that the gateway got in an earlier life; FIRST_SEED_REVOKED
   */
  async execute(request: ProvisionGatewayRequest, gateway: Receiver): Promise<ProvisionGatewayResponse> {
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
    return withinStep({ flow, step: 2 }, () => work(this.clock.now()));
  }

  private report(flow: 'EUK-GW-S' | 'EUK-GW-P', gateway: Receiver, fresh: boolean, startedAt: number): void {
    const { uri } = this.own;
    const [asked, made] =
      flow === 'EUK-GW-S' ? (['request_id', 'first_seed'] as const) : (['ca_csr', 'certificate'] as const);
    emitStep({ flow, step: 1, from: gateway.uri, to: uri, carried: [asked], startedAt });
    if (fresh) emitStep({ flow, step: 2, from: uri, to: uri, carried: [made], startedAt });
  }

  private async firstSeed(requestId: Buffer, gateway: Receiver, startedAt: number): Promise<ProvisionGatewayResponse> {
    const before = { earlier: at(PROVISIONING, provisioningName(sha256(requestId))), identity: at(IDENTITY) };
    const { earlier } = await this.gateways.read(gateway.uri, before);
    const firstSeedId = earlier?.firstSeedId ?? this.random.bytes(FIRST_SEED_ID_BYTES).toString('hex');
    const wanted = { ...before, provisioned: at(PROVISIONED), seed: at(FIRST_SEED, firstSeedName(firstSeedId)) };
    const made = this.newSeed(firstSeedId);
    const { seed, fresh } = await this.gateways.transact(gateway.uri, wanted, (found) => {
      const identity = requireStanding(found.identity, gateway);
      if (found.earlier?.firstSeedId !== undefined && found.earlier.firstSeedId !== firstSeedId)
        throw new CpnsError('CONFLICT', 'the same request is being answered already: repeat it');
      if (found.seed !== undefined && (found.seed.revoked || !isInForce(identity, found.seed.life)))
        throw failedPrecondition('FIRST_SEED_REVOKED', 'the 1st seed of this request was revoked: ask for another');
      if (found.seed !== undefined) return { result: { seed: found.seed, fresh: false } };
      const put = {
        earlier: expiring({ firstSeedId }, made.registerUntil),
        seed: expiring({ ...made, life: lifeOf(identity) }, made.registerUntil),
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
    const { firstSeedAssignFor, firstSeedRegisterFor, firstSeedMaxEntities } = this.config;
    const assignUntil = this.clock.now() + firstSeedAssignFor;
    return {
      firstSeedId,
      seed: new FirstSeed(this.random.bytes(SECRET_BYTES)),
      assignUntil,
      registerUntil: assignUntil + firstSeedRegisterFor,
      maxEntities: firstSeedMaxEntities,
      revoked: false,
      registered: 0,
    };
  }

  private async gatewayCa(der: Buffer, gateway: Receiver, startedAt: number): Promise<ProvisionGatewayResponse> {
    const csr = parseCsr(der);
    const before = { earlier: at(PROVISIONING, provisioningName(sha256(der))), identity: at(IDENTITY) };
    const { earlier, identity } = await this.gateways.read(gateway.uri, before);
    if (identity?.keyDigest.equals(sha256(csr.spki)))
      throw invalidArgument('FIELD_OUT_OF_RANGE', 'a gateway CA has another key than the gateway’s identity', {
        metadata: { field: 'ca_csr' },
      });
    if (earlier?.caDigest !== undefined) return this.repeatCa(gateway, earlier.caDigest, startedAt);
    const notAfter = this.clock.now() + this.config.gatewayCaLifetime;
    const issued = await issueCertificate(
      this.authorities.issuingCa,
      { profile: 'gateway-ca', uri: gateway.uri, key: csr.key, notAfter },
      { clock: this.clock, random: this.random },
    );
    const caDigest = issued.fingerprint.toString('hex');
    const ca: GatewayCaRecord = { chain: issued.chain, notAfter: issued.notAfter, revoked: false };
    const wanted = { ...before, provisioned: at(PROVISIONED), ca: at(GATEWAY_CA, gatewayCaName(caDigest)) };
    await this.gateways.transact(gateway.uri, wanted, (found) => {
      const life = lifeOf(requireStanding(found.identity, gateway));
      if (found.earlier !== undefined)
        throw new CpnsError('CONFLICT', 'the same request is being answered already: repeat it');
      const put = {
        earlier: expiring({ caDigest }, ca.notAfter),
        ca: expiring({ ...ca, life }, ca.notAfter),
        provisioned: withGatewayCa(found.provisioned, { id: caDigest, until: ca.notAfter }, startedAt),
      };
      return { result: undefined, put };
    });
    this.report('EUK-GW-P', gateway, true, startedAt);
    return caGrant(ca);
  }

  private async repeatCa(gateway: Receiver, caDigest: string, startedAt: number): Promise<ProvisionGatewayResponse> {
    const wanted = { identity: at(IDENTITY), ca: at(GATEWAY_CA, gatewayCaName(caDigest)) };
    const { identity, ca } = await this.gateways.read(gateway.uri, wanted);
    if (ca === undefined)
      throw new CpnsError(
        'CERTIFICATE_EXPIRED',
        'the certificate that this request got has ended: ask with a new key',
        {
          metadata: { certificate: 'ca' },
        },
      );
    if (ca.revoked || !isInForce(identity, ca.life))
      throw unauthenticated('CERTIFICATE_REVOKED', 'the certificate that this request got was revoked: ask anew', {
        metadata: { certificate: 'ca' },
      });
    this.report('EUK-GW-P', gateway, false, startedAt);
    return caGrant(ca);
  }
}

const caGrant = ({ chain }: GatewayCaRecord): ProvisionGatewayResponse => ({
  information: { $case: 'ca', value: { chain: [...chain] } },
});
