/**
 * EUK-GW-VERIFY steps 2 to 4: the first contact of a target entity with the CPNS Server. For a secret that a gateway
 * assigned the Server derives the key from both seeds (5.3.1.12.5.2 b); a certificate, of either assigner, it verifies, and
 * agrees the pairwise secret (protocol.md, "Registration").
 */
import {
  checkRegistration,
  RegistrationReply,
  registrationReply,
  type EntityUserKeyServiceRegisterEntityUserKeyResponse,
  type CheckedRegistration,
  type RegistrationRequest,
} from '@cpns/contracts';
import { Clock, failedPrecondition, invalidArgument, permissionDenied, samePn, type EntityName } from '@cpns/core';
import { advanceAdmission, checkLive, checkMayReplace, checkNotRevoked } from '@cpns/entity-user-key';
import type { KeyForm } from '@cpns/key-derivation';
import { ServiceIdentity } from '@cpns/platform';
import { revisionOf, type Decision, type Found } from '@cpns/store';
import { emitStep, withinStep, type CarriedField } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Credentials } from '../entities/credentials';
import { LastSeen } from '../entities/last-seen';
import { LiveKeys } from '../entities/live-keys';
import {
  checkCertificateNotRetired,
  checkKeyNotRetired,
  EntityRecords,
  KEY,
  retire,
  tokenRecords,
  unknownToken,
  type AdmissionRecord,
  type KeyRecord,
  type TokenRecords,
} from '../entities/records';
import { Endings } from '../ends/endings';
import { dueCredential, GatewayOutbox } from '../gateway-log/gateway-outbox';
import { DeriveFromSeeds, VerifyCertificate, type AgreedKey } from './agree-key';

interface Outcome {
  readonly reply: RegistrationReply;
  /** The key that was registered, now or before. */
  readonly key: KeyRecord;
  /** False for a repetition, which gets the stored reply. */
  readonly fresh: boolean;
}

const FLOW = 'EUK-GW-VERIFY';
const NAMES: readonly CarriedField[] = ['token_id', 'entity', 'user'];
const CARRIES: Readonly<Record<KeyForm, readonly CarriedField[]>> = {
  secret: [...NAMES, 'first_seed_id', 'gateway', 'not_after', 'second_seed', 'nonce', 'confirmation'],
  'key-pair': [...NAMES, 'chain', 'hpke_public_key', 'signature'],
};

@Injectable()
export class RegisterEntityUserKey {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly entities: EntityRecords,
    private readonly seeds: DeriveFromSeeds,
    private readonly certificates: VerifyCertificate,
    private readonly outbox: GatewayOutbox,
    private readonly liveKeys: LiveKeys,
    private readonly credentials: Credentials,
    private readonly endings: Endings,
    private readonly lastSeen: LastSeen,
    private readonly clock: Clock,
  ) {}

  /**
   * @param gateway the gateway that relays
   * @returns the reply for the entity, and for the gateway what it now holds the entity to
   * @throws CpnsError a field's reason; TRUST_DOMAIN, PN_MISMATCH; TOKEN_UNKNOWN, TOKEN_OTHER_ENTITY, TOKEN_OTHER_FORM,
   *   TOKEN_OTHER_ASSIGNER; CONFIRMATION_MAC; FIRST_SEED_*; CERTIFICATE_*, ISSUER_NOT_ASSIGNER, SIGNATURE_INVALID;
   *   TOKEN_REVOKED, TOKEN_SPENT; LIVE_KEY, KEY_REVOKED, KEY_SUSPENDED, KEY_EXPIRED
   */
  async execute(
    message: RegistrationRequest | undefined,
    gateway: EntityName,
  ): Promise<EntityUserKeyServiceRegisterEntityUserKeyResponse> {
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
    const { reply, key, fresh } = await withinStep({ flow: FLOW, step: 3 }, () => this.register(request));
    // its assigner may have been revoked while it was registered
    if (fresh) await this.endings.settle(request.entity, key);
    await this.liveKeys.check(key);
    this.report(gateway.uri, request.form, fresh, startedAt);
    const noted = this.lastSeen.note(request.entity, gateway.uri);
    const credential = await this.credentials.of(request.entity);
    await noted;
    return { reply, credential };
  }

  private async register(request: CheckedRegistration): Promise<Outcome> {
    const wanted = tokenRecords(request.tokenId);
    const seen = await this.entities.snapshot(request.entity, wanted);
    if (seen.found.admission === undefined) return this.entities.refuseToken(request.tokenId);
    const { admission, stored } = this.judge(request, seen.found);
    if (stored !== undefined) return { ...stored, fresh: false };
    const agreed =
      request.form === 'secret'
        ? await this.seeds.derive(admission, request)
        : await this.certificates.execute(admission, request);
    const reply = registrationReply(agreed.reply);
    const decide = (found: Found<TokenRecords>) => this.decide(request, { agreed, reply }, found);
    // what is refused here takes no place of the 1st seed, and leaves nothing to tell: both are in other aggregates
    decide(seen.found);
    if (await this.endings.settle(request.entity, seen.found.key)) return this.register(request);
    if (request.form === 'secret') await this.seeds.count(request);
    return this.outbox.around([dueCredential(revisionOf(KEY, seen), request.entity)], () =>
      this.entities.transact(request.entity, wanted, decide, seen),
    );
  }

  private decide(
    request: CheckedRegistration,
    { agreed, reply }: { readonly agreed: AgreedKey; readonly reply: RegistrationReply },
    found: Found<TokenRecords>,
  ): Decision<TokenRecords, Outcome> {
    const { admission, stored } = this.judge(request, found);
    if (stored !== undefined) return { result: { ...stored, fresh: false } };
    const now = this.clock.now();
    // only now does the caller stand as who it says it is: what follows tells of the token's state and of the entity's key
    const state = advanceAdmission(admission.state, 'register');
    checkMayReplace(found.key, admission.admittedAt, now);
    checkKeyNotRetired(found.retired, agreed.keyId);
    if (agreed.certificateDigest) checkCertificateNotRetired(found.retired, agreed.certificateDigest);
    const registered = { digest: request.digest, reply: Buffer.from(RegistrationReply.encode(reply).finish()) };
    const registeredKey = keyRecord(admission, agreed, now);
    return {
      result: { reply, key: registeredKey, fresh: true },
      put: {
        admission: { ...admission, state, registered, keyId: agreed.keyId },
        key: registeredKey,
        retired: retire(found.retired, found.key, now),
      },
    };
  }

  /**
   * Looks at the names of a token alone: its state is told to who proved to hold the key, or repeats the registration.
   * @returns the admission, and for a repetition the reply that it got and the key that it registered
   */
  private judge(request: CheckedRegistration, { admission, key }: Found<TokenRecords>) {
    if (admission === undefined) throw unknownToken();
    checkAdmits(admission, request);
    const stored = repeated(admission, key, request, this.clock.now());
    if (stored === undefined || key === undefined) return { admission };
    return { admission, stored: { reply: RegistrationReply.decode(stored), key } };
  }

  /** Steps 2 and 3, once the registration was found good. For a repetition nothing was derived. */
  private report(gateway: string, form: KeyForm, fresh: boolean, startedAt: number): void {
    const { uri } = this.own;
    emitStep({ flow: FLOW, step: 2, from: gateway, to: uri, carried: CARRIES[form], startedAt });
    if (fresh) emitStep({ flow: FLOW, step: 3, from: uri, to: uri, carried: ['key_id'], startedAt });
  }
}

function checkAdmits(admission: AdmissionRecord, request: CheckedRegistration): void {
  if (admission.role !== 'target-entity')
    throw permissionDenied('TOKEN_OTHER_FORM', 'a PN GW is known by its enrolment and registers nothing');
  if (admission.user !== request.user) throw permissionDenied('TOKEN_OTHER_ENTITY', 'the token admits another user');
  if (admission.form !== request.form)
    throw permissionDenied('TOKEN_OTHER_FORM', 'the token is for the other form of key');
}

/**
 * A repetition to the letter gets the same answer while the key that it registered lives.
 * @throws CpnsError TOKEN_REVOKED; TOKEN_SPENT when another key took that key's place; KEY_REVOKED or KEY_EXPIRED when it ended
 */
function repeated(
  { state, registered, keyId }: AdmissionRecord,
  key: KeyRecord | undefined,
  { digest }: CheckedRegistration,
  now: number,
): Buffer | undefined {
  if (!registered?.digest.equals(digest)) return undefined;
  checkNotRevoked(state);
  if (key === undefined || key.keyId !== keyId)
    throw failedPrecondition('TOKEN_SPENT', 'another key took the place of the one that this token registered');
  checkLive(key, now);
  return registered.reply;
}

function keyRecord(admission: AdmissionRecord, agreed: AgreedKey, now: number): KeyRecord {
  const { form, user, assigner, tokenId, admittedAt } = admission;
  const { secret, keyId, notAfter, certificateDigest, firstSeedId, registerUntil, assignerLife } = agreed;
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
    ...(assignerLife && { assignerLife }),
    ...(certificateDigest && { certificateDigest }),
    ...(firstSeedId && { firstSeedId }),
    ...(registerUntil && { registerUntil }),
  };
}
