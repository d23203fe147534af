/** EUK-GW-VERIFY step 3: how the Server comes to the key that is registered, in either form. */
import { verifyChain, type VerifiedPeer } from '@cpns/certificate-issuance';
import type {
  CheckedCertificateRegistration,
  CheckedRegistrationReply,
  CheckedSecretRegistration,
} from '@cpns/contracts';
import {
  Clock,
  duration,
  failedPrecondition,
  invalidArgument,
  KeyedBatches,
  permissionDenied,
  Random,
  samePn,
  unauthenticated,
  type EntityUserKey,
} from '@cpns/core';
import { checkMayRegister, takePlaces } from '@cpns/entity-user-key';
import {
  confirmServerMac,
  deriveConfirmKey,
  deriveEntityUserKey,
  deriveKeyId,
  encodeRegistration,
  hpkeKeyStatement,
  keyIdBytes,
  offerPairwise,
  pairwiseStatement,
  requireSignature,
  sha256,
  signBytes,
  verifyConfirmClientMac,
} from '@cpns/key-derivation';
import { ServiceIdentity } from '@cpns/platform';
import { at, byName, expiring, type Found } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { ServerConfig } from '../config';
import type { AdmissionRecord } from '../entities/records';
import {
  FIRST_SEED,
  firstSeedName,
  GATEWAY_CA,
  gatewayCaName,
  GatewayRecords,
  hasEnded,
  IDENTITY,
  isInForce,
  PROVISIONED,
  SERVED,
  servedMember,
  servedName,
  type FirstSeedRecord,
} from '../gateways/records';

/** What a registration leads to, in either form. */
export interface AgreedKey {
  /** S */
  readonly secret: EntityUserKey;
  /** 32 hexadecimal digits. */
  readonly keyId: string;
  /** Unix milliseconds. */
  readonly notAfter: number;
  readonly certificateDigest?: Buffer;
  readonly firstSeedId?: string;
  /** Of that seed, Unix milliseconds. */
  readonly registerUntil?: number;
  /** Of the gateway that assigned it, when it got that seed, or the CA that issued the certificate. */
  readonly assignerLife?: bigint;
  readonly reply: CheckedRegistrationReply;
}

/** What registrations of keys from one seed need of the gateway that assigned them. @param members (E, user) */
const wantedOf = (firstSeedId: string, members: readonly string[]) =>
  Object.assign(
    byName(
      members.map((member) => servedName(firstSeedId, member)),
      (name) => name,
      (name) => at(SERVED, name),
    ),
    { identity: at(IDENTITY), seed: at(FIRST_SEED, firstSeedName(firstSeedId)), provisioned: at(PROVISIONED) },
  );
type FoundSeed = Found<ReturnType<typeof wantedOf>>;

/** One 1st seed of one gateway: neither name has a blank in it. */
const keyOf = (gateway: string, firstSeedId: string): string => `${gateway} ${firstSeedId}`;

/** A gateway's clock may be ahead of ours. */
const CLOCK_TOLERANCE_MS = duration(5, 'minute');

/** 5.3.1.12.5.2 b: the Server holds the 1st seed, the entity shows the 2nd, both derive the same key. */
@Injectable()
export class DeriveFromSeeds {
  readonly #places = new KeyedBatches<string, void>((key, members) => {
    const [gateway = '', firstSeedId = ''] = key.split(' ');
    return this.takePlaces(gateway, firstSeedId, members);
  });

  constructor(
    private readonly gateways: GatewayRecords,
    private readonly config: ServerConfig,
    private readonly clock: Clock,
  ) {}

  /**
   * Nothing changes here: {@link count} comes once everything else about the registration was found good.
   * @throws CpnsError PN_MISMATCH, TOKEN_OTHER_ASSIGNER; FIRST_SEED_UNKNOWN; CONFIRMATION_MAC; KEY_EXPIRED,
   *   FIELD_OUT_OF_RANGE; FIRST_SEED_*
   */
  async derive(
    admission: AdmissionRecord,
    { registration, gateway, entity, confirmation }: CheckedSecretRegistration,
  ): Promise<AgreedKey> {
    if (!samePn(gateway, entity))
      throw permissionDenied('PN_MISMATCH', 'the 1st seed belongs to a gateway of another PN');
    if (admission.assigner !== gateway.uri)
      throw permissionDenied('TOKEN_OTHER_ASSIGNER', 'the admission names another assigner');
    const { firstSeedId, secondSeed, notAfter, user } = registration;
    const member = servedMember(entity.uri, user);
    const found = await this.gateways.read(gateway.uri, wantedOf(firstSeedId, [member]));
    const now = this.clock.now();
    const seed = requireSeed(firstSeedId, found, now);
    const secret = deriveEntityUserKey(seed.seed, secondSeed, registration);
    const confirmKey = deriveConfirmKey(secret);
    const t1 = encodeRegistration(registration);
    verifyConfirmClientMac(confirmKey, t1, confirmation);
    this.checkNotAfter(notAfter);
    const known = found[servedName(firstSeedId, member)] !== undefined;
    checkMayRegister(seed, { entities: seed.registered, known }, now);
    checkAdmittedIn(admission, seed);
    const keyId = deriveKeyId(secret);
    const reply = { form: 'secret' as const, keyId: keyIdBytes(keyId), confirmation: confirmServerMac(confirmKey, t1) };
    confirmKey.destroy();
    const { registerUntil, life } = seed;
    return { secret, keyId, notAfter, firstSeedId, registerUntil, ...(life && { assignerLife: life }), reply };
  }

  /**
   * Counts (E, user) at the 1st seed, in that seed's own aggregate and before the key is recorded: a crash in between costs
   * a place at most until the entity comes again, and never lets one more in than the seed may serve.
   * @throws CpnsError FIRST_SEED_*
   */
  count({
    registration: { firstSeedId, gateway, entity, user },
  }: Pick<CheckedSecretRegistration, 'registration'>): Promise<void> {
    return this.#places.add(keyOf(gateway, firstSeedId), servedMember(entity, user));
  }

  private takePlaces(gateway: string, firstSeedId: string, members: readonly string[]) {
    return this.gateways.transact(gateway, wantedOf(firstSeedId, members), (found) => {
      const now = this.clock.now();
      const seed = requireSeed(firstSeedId, found, now);
      const served = new Set(members.filter((member) => found[servedName(firstSeedId, member)] !== undefined));
      const places = { served, taken: seed.registered };
      const { added, refused } = takePlaces(members, places, (use) => checkMayRegister(seed, use, now));
      return {
        result: members.map((member) => refused.get(member)),
        ...(added.length > 0 && {
          put: {
            ...byName(
              added,
              (member) => servedName(firstSeedId, member),
              (member) => expiring({ member }, seed.registerUntil),
            ),
            seed: expiring({ ...seed, registered: seed.registered + added.length }, seed.registerUntil),
          },
        }),
      };
    });
  }

  private checkNotAfter(notAfter: number): void {
    const now = this.clock.now();
    const { keyLifetime } = this.config;
    const field = { metadata: { field: 'not_after' } };
    if (notAfter <= now) throw failedPrecondition('KEY_EXPIRED', 'the key has ended: have a new one assigned');
    if (notAfter > now + keyLifetime + CLOCK_TOLERANCE_MS)
      throw invalidArgument('FIELD_OUT_OF_RANGE', `a key lives ${keyLifetime} ms at most`, field);
  }
}

/**
 * The seed, as revoked where the gateway's life that it was given in is over. One that has ended is destroyed; its id is
 * remembered for a while.
 * @throws CpnsError FIRST_SEED_EXPIRED, FIRST_SEED_UNKNOWN
 */
function requireSeed(firstSeedId: string, { identity, seed, provisioned }: FoundSeed, now: number): FirstSeedRecord {
  if (seed !== undefined) return { ...seed, revoked: seed.revoked || !isInForce(identity, seed.life) };
  const item = provisioned?.firstSeeds.find(({ id }) => id === firstSeedId);
  if (item !== undefined && hasEnded(item, now))
    throw failedPrecondition('FIRST_SEED_EXPIRED', 'the 1st seed is past its time: have a new key assigned');
  throw failedPrecondition('FIRST_SEED_UNKNOWN', 'the gateway has no such 1st seed');
}

/** An admission ends with the life of the gateway that it names. @throws CpnsError TOKEN_REVOKED */
function checkAdmittedIn({ assignerLife = 1n }: AdmissionRecord, { life = 1n }: { readonly life?: bigint }): void {
  if (assignerLife !== life)
    throw failedPrecondition('TOKEN_REVOKED', 'the gateway was revoked after the admission: ask for a new one');
}

/**
 * 5.3.1.12.5.4: the hierarchical trust model. A gateway CA's certificate counts only for an entity whose admission names
 * that gateway as assigner, one of the Server's own only where the Server is the assigner.
 */
@Injectable()
export class VerifyCertificate {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly gateways: GatewayRecords,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  async execute(admission: AdmissionRecord, request: CheckedCertificateRegistration): Promise<AgreedKey> {
    const peer = verifyChain({
      chain: request.chain,
      root: this.own.root,
      now: this.clock.now(),
      trustDomain: this.own.trustDomain,
    });
    const { name, user } = peer.subject;
    if (peer.role !== 'target-entity' || name.kind !== 'entity')
      throw permissionDenied('CERTIFICATE_ROLE', 'only a target entity’s certificate registers');
    if (name.uri !== request.entity.uri || user !== request.user)
      throw permissionDenied(
        'TOKEN_OTHER_ENTITY',
        'the certificate names another entity or user than the token admits',
      );
    this.checkIssuer(admission, peer);
    const { entity, tokenId, hpkeKey, signature } = request;
    const certificate = peer.leafDer;
    requireSignature(
      peer.key.keyObject,
      hpkeKeyStatement({ entity: entity.uri, tokenId, certificate, hpkeKey }),
      signature,
    );
    const assignerLife = await this.checkAuthority(admission, peer);
    const { enc, secret } = offerPairwise({ entity: entity.uri, user, certificate }, hpkeKey, this.random);
    const statement = pairwiseStatement({ entity: entity.uri, certificate, hpkeKey, enc });
    const keyId = deriveKeyId(secret);
    return {
      secret,
      keyId,
      notAfter: peer.notAfter,
      certificateDigest: peer.fingerprint,
      ...(assignerLife && { assignerLife }),
      reply: {
        form: 'key-pair',
        keyId: keyIdBytes(keyId),
        enc,
        signature: signBytes(this.own.key, statement),
        chain: this.own.chain,
      },
    };
  }

  private checkIssuer(admission: AdmissionRecord, peer: VerifiedPeer): void {
    const notAssigner = () =>
      permissionDenied(
        'ISSUER_NOT_ASSIGNER',
        'the certificate was not issued by the assigner that the admission names',
      );
    if (admission.assigner === this.own.uri) {
      if (peer.issuedBy !== 'server-entity-ca') throw notAssigner();
      if (!admission.certificateDigest?.equals(peer.fingerprint))
        throw permissionDenied('TOKEN_OTHER_ENTITY', 'the certificate was assigned under another token');
      return;
    }
    if (peer.issuedBy !== 'gateway-ca' || peer.issuer?.uri !== admission.assigner) throw notAssigner();
  }

  /** @returns the life of the gateway in which it got the CA that issued the certificate, if a gateway did */
  private async checkAuthority(admission: AdmissionRecord, peer: VerifiedPeer): Promise<bigint | undefined> {
    if (admission.assigner === this.own.uri) return undefined;
    const digest = sha256(peer.issuerDer).toString('hex');
    const wanted = { identity: at(IDENTITY), ca: at(GATEWAY_CA, gatewayCaName(digest)) };
    const { identity, ca } = await this.gateways.readRecent(admission.assigner, wanted);
    if (ca === undefined || ca.revoked || !isInForce(identity, ca.life))
      throw unauthenticated('CERTIFICATE_REVOKED', 'the gateway CA’s certificate is not in force', {
        metadata: { certificate: 'ca' },
      });
    checkAdmittedIn(admission, ca);
    return ca.life;
  }
}
