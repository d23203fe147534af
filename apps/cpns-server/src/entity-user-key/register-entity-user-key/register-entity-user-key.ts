/**
 * EUK-GW-VERIFY steps 2 to 4: the first contact of a target entity with the CPNS Server. For a secret that a gateway
 * assigned the Server derives the key from both seeds (5.3.1.12.5.2 b); a certificate, whoever issued it, it verifies, and
 * agrees the pairwise secret (protocol.md, "Registration").
 */
import {
  RegistrationReply,
  type RegistrationRequest,
  checkRegistration,
  registrationReply,
  type CheckedRegistration,
} from '@cpns/contracts';
import { Clock, failedPrecondition, invalidArgument, permissionDenied, samePn, type EntityName } from '@cpns/core';
import { advanceAdmission, checkLive, checkMayReplace, checkNotRevoked } from '@cpns/entity-user-key';
import { ServiceIdentity } from '@cpns/platform';
import { at } from '@cpns/store';
import { withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { EntityRecords } from '../../entities/entity-records';
import { ADMISSION, admissionName, KEY, RETIRED, type AdmissionRecord, type KeyRecord } from '../../entities/records';
import { checkCertificateNotRetired, checkKeyNotRetired, retire, type RetiredRecord } from '../../entities/retired';
import { TellAssigner } from '../tell-assigner';
import { unknownToken } from '../unknown-token';
import type { AgreedKey } from './agreed-key';
import { DeriveFromSeeds } from './derive-from-seeds';
import { reportRegistered } from './report';
import { VerifyCertificate } from './verify-certificate';

interface Found {
  readonly admission: AdmissionRecord | undefined;
  readonly key: KeyRecord | undefined;
  readonly retired: RetiredRecord | undefined;
}

@Injectable()
export class RegisterEntityUserKey {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly entities: EntityRecords,
    private readonly seeds: DeriveFromSeeds,
    private readonly certificates: VerifyCertificate,
    private readonly tellAssigner: TellAssigner,
    private readonly clock: Clock,
  ) {}

  /**
   * @param gateway the gateway that relays
   * @throws CpnsError a field's reason; TRUST_DOMAIN, PN_MISMATCH; TOKEN_UNKNOWN, TOKEN_OTHER_ENTITY, TOKEN_OTHER_FORM,
   *   TOKEN_OTHER_ASSIGNER, TOKEN_REVOKED, TOKEN_SPENT; FIRST_SEED_*; CONFIRMATION_MAC; CERTIFICATE_*,
   *   ISSUER_NOT_ASSIGNER, SIGNATURE_INVALID; LIVE_KEY, KEY_REVOKED
   */
  async execute(message: RegistrationRequest | undefined, gateway: EntityName): Promise<RegistrationReply> {
    const startedAt = this.clock.now();
    const request = checkRegistration(message);
    if (request.replaceMac !== undefined)
      throw invalidArgument('FIELD_OUT_OF_RANGE', 'keys are not renewed here yet: leave replace_mac empty', {
        metadata: { field: 'replace_mac' },
      });
    if (request.entity.trustDomain !== this.own.trustDomain)
      throw permissionDenied('TRUST_DOMAIN', `this Server serves ${this.own.trustDomain} only`);
    if (!samePn(request.entity, gateway))
      throw permissionDenied('PN_MISMATCH', 'a gateway relays for entities of its own PN only');
    const wanted = {
      admission: at(ADMISSION, admissionName(request.tokenId)),
      key: at(KEY),
      retired: at(RETIRED),
    };
    const { reply, fresh, ending } = await withinStep({ flow: 'EUK-GW-VERIFY', step: 3 }, () =>
      this.entities.transact(request.entity, wanted, (found) => this.decide(request, found)),
    );
    if (ending !== undefined) await this.tellAssigner.execute(request.entity.uri, ending);
    reportRegistered(this.own.uri, gateway.uri, request, fresh, startedAt);
    return RegistrationReply.decode(reply);
  }

  private async decide(request: CheckedRegistration, found: Found) {
    const admission = found.admission ?? (await unknownToken(this.entities, request.tokenId));
    const now = this.clock.now();
    checkAdmits(admission, request);
    const stored = repeated(admission, found.key, request, now);
    if (stored !== undefined) return { result: outcomeOf(stored, false) };
    const state = advanceAdmission(admission.state, 'register');
    const agreed =
      request.form === 'secret'
        ? await this.seeds.derive(admission, request)
        : await this.certificates.execute(admission, request);
    // only now does the caller stand as who it says it is: what follows tells of the entity's key
    checkMayReplace(found.key, admission.admittedAt, now);
    checkKeyNotRetired(found.retired, agreed.keyId);
    if (agreed.certificateDigest) checkCertificateNotRetired(found.retired, agreed.certificateDigest);
    // last, since it changes another aggregate: a registration that is refused leaves no trace there
    if (request.form === 'secret') await this.seeds.count(request);
    const reply = Buffer.from(RegistrationReply.encode(registrationReply(agreed.reply)).finish());
    const key = keyRecord(admission, agreed, now);
    const registered = { digest: request.digest, reply };
    return {
      result: outcomeOf(reply, true, found.key),
      put: {
        admission: { ...admission, state, registered, keyId: agreed.keyId },
        key,
        retired: retire(found.retired, found.key, now),
      },
    };
  }
}

interface Outcome {
  readonly reply: Buffer;
  /** False for a repetition, which got the stored reply. */
  readonly fresh: boolean;
  /** The key whose place another took. */
  readonly ending: KeyRecord | undefined;
}

const outcomeOf = (reply: Buffer, fresh: boolean, ending?: KeyRecord): Outcome => ({ reply, fresh, ending });

function checkAdmits(admission: AdmissionRecord, request: CheckedRegistration): void {
  checkNotRevoked(admission.state);
  if (admission.role !== 'target-entity')
    throw permissionDenied('TOKEN_OTHER_FORM', 'a PN GW is known by its enrolment and registers nothing');
  if (admission.user !== request.user) throw permissionDenied('TOKEN_OTHER_ENTITY', 'the token admits another user');
  if (admission.form !== request.form)
    throw permissionDenied('TOKEN_OTHER_FORM', 'the token is for the other form of key');
}

/**
 * A repetition to the letter gets the same answer while the key that it registered lives.
 * @throws CpnsError TOKEN_SPENT when the token registered something else; KEY_REVOKED or KEY_EXPIRED when that key ended
 */
function repeated(
  admission: AdmissionRecord,
  key: KeyRecord | undefined,
  request: CheckedRegistration,
  now: number,
): Buffer | undefined {
  if (admission.state !== 'registered') return undefined;
  if (!admission.registered?.digest.equals(request.digest))
    throw failedPrecondition('TOKEN_SPENT', 'the token registered a key already: ask for a new one');
  if (key === undefined || key.keyId !== admission.keyId)
    throw failedPrecondition('TOKEN_SPENT', 'another key took the place of the one that this token registered');
  checkLive(key, now);
  return admission.registered.reply;
}

function keyRecord(admission: AdmissionRecord, agreed: AgreedKey, now: number): KeyRecord {
  const { form, user, assigner, tokenId, admittedAt } = admission;
  const { secret, keyId, notAfter, certificateDigest, firstSeedId, registerUntil } = agreed;
  return {
    form,
    state: 'live',
    user,
    assigner,
    tokenId,
    admittedAt,
    secret,
    keyId,
    notAfter,
    registeredAt: now,
    ...(certificateDigest && { certificateDigest }),
    ...(firstSeedId && { firstSeedId }),
    ...(registerUntil && { registerUntil }),
  };
}
