/**
 * EUK-SRV-S and EUK-SRV-P, steps 2 to 4: the CPNS Server assigns an Entity-User Key to a target entity, or an identity
 * to a PN GW that enrols itself (protocol.md, "Admission").
 */
import { checkRequestedName } from '@cpns/certificate-issuance';
import {
  AssignmentReply,
  type AssignmentRequest,
  assignmentReply,
  checkAssignment,
  type CheckedAssignment,
} from '@cpns/contracts';
import {
  Clock,
  EntityUserKey,
  permissionDenied,
  Random,
  SECRET_BYTES,
  type TokenAuthKey,
  formatSubject,
  samePn,
  type EntityName,
} from '@cpns/core';
import {
  advanceAdmission,
  answerWithCertificate,
  answerWithSecret,
  checkMayReplace,
  judgeRequest,
} from '@cpns/entity-user-key';
import { deriveKeyId } from '@cpns/key-derivation';
import { ServiceIdentity } from '@cpns/platform';
import { at } from '@cpns/store';
import { withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { ServerConfig } from '../../config';
import { EntityRecords } from '../../entities/entity-records';
import { ADMISSION, admissionName, KEY, RETIRED, type AdmissionRecord, type KeyRecord } from '../../entities/records';
import { retire, type RetiredRecord } from '../../entities/retired';
import { GatewayRecords } from '../../gateways/gateway-records';
import { TellAssigner } from '../tell-assigner';
import { unknownToken } from '../unknown-token';
import { IssueCertificate, type Issued } from './issue';
import { RecordIdentity } from './record-identity';
import { flowOf, reportAssigned } from './report';

/** Who brought the request: a gateway for an entity of its PN, or a gateway itself on the token port. */
export type Bearer =
  { readonly kind: 'relay'; readonly gateway: EntityName } | { readonly kind: 'self'; readonly path: string };

interface Found {
  readonly admission: AdmissionRecord | undefined;
  readonly key: KeyRecord | undefined;
  readonly retired: RetiredRecord | undefined;
}

interface Outcome {
  readonly reply: Buffer;
  readonly admission: AdmissionRecord;
  /** False for a repetition, which got the stored reply. */
  readonly fresh: boolean;
  /** The key whose place another took. */
  readonly ending?: KeyRecord;
}

interface Assigned {
  readonly reply: Buffer;
  readonly key?: KeyRecord;
  readonly certificate?: Issued;
}

@Injectable()
export class AssignEntityUserKey {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly config: ServerConfig,
    private readonly entities: EntityRecords,
    private readonly gateways: GatewayRecords,
    private readonly issue: IssueCertificate,
    private readonly recordIdentity: RecordIdentity,
    private readonly tellAssigner: TellAssigner,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * @param method path that the entity called
   * @throws CpnsError a field's reason; TRUST_DOMAIN, PN_MISMATCH, GATEWAY_MISMATCH, TOKEN_OTHER_METHOD; TOKEN_UNKNOWN
   *   and the reasons of {@link judgeRequest}; CSR_NAME_MISMATCH; LIVE_KEY
   */
  async execute(message: AssignmentRequest | undefined, method: string, bearer: Bearer): Promise<AssignmentReply> {
    const startedAt = this.clock.now();
    const request = checkAssignment(message, method);
    this.checkBearer(request, bearer);
    const wanted = {
      admission: at(ADMISSION, admissionName(request.enrol.tokenId)),
      key: at(KEY),
      retired: at(RETIRED),
    };
    const outcome = await withinStep({ flow: flowOf(request), step: 3 }, () =>
      this.entities.transact(request.entity, wanted, (found) => this.decide(request, found)),
    );
    if (outcome.ending !== undefined) await this.tellAssigner.execute(request.entity.uri, outcome.ending);
    if (outcome.admission.role === 'pn-gw') await this.recordIdentity.execute(outcome.admission);
    if (bearer.kind === 'relay') reportAssigned(this.own.uri, bearer.gateway.uri, request, outcome.fresh, startedAt);
    return AssignmentReply.decode(outcome.reply);
  }

  private checkBearer({ entity, gateway, enrol }: CheckedAssignment, bearer: Bearer): void {
    if (entity.trustDomain !== this.own.trustDomain)
      throw permissionDenied('TRUST_DOMAIN', `this Server serves ${this.own.trustDomain} only`);
    if (bearer.kind === 'self') {
      if (gateway.uri !== entity.uri)
        throw permissionDenied('GATEWAY_MISMATCH', 'on this port a gateway asks for itself only');
      if (enrol.method !== bearer.path)
        throw permissionDenied('TOKEN_OTHER_METHOD', 'the request was made for another method');
      return;
    }
    if (gateway.uri !== bearer.gateway.uri)
      throw permissionDenied('GATEWAY_MISMATCH', 'the request was made to another gateway than the one that relays it');
    if (!samePn(entity, gateway))
      throw permissionDenied('PN_MISMATCH', 'a gateway asks for entities of its own PN only');
  }

  private async decide(request: CheckedAssignment, found: Found) {
    const admission = found.admission ?? (await unknownToken(this.entities, request.enrol.tokenId));
    const authKey = this.authKeyOf(admission);
    const { entity, user, form, tokenId, assigner, state, expiresAt } = admission;
    const now = this.clock.now();
    const token = { entity, user, form, tokenId, assigner, state, expiresAt, authKey };
    const stored = judgeRequest(
      { ...token, ...(admission.assigned && { spent: admission.assigned }) },
      { enrol: request.enrol, mac: request.mac, digest: request.digest },
      this.own.uri,
      now,
    );
    if (stored !== undefined) return { result: outcomeOf(Buffer.from(stored), admission, false) };
    if ((admission.role === 'pn-gw') !== (request.gateway.uri === request.entity.uri))
      throw permissionDenied(
        'GATEWAY_MISMATCH',
        'a PN GW enrols itself at the Server, a target entity asks through its gateway',
      );
    checkMayReplace(
      admission.role === 'pn-gw' ? await this.gateways.identityOf(entity) : found.key,
      admission.admittedAt,
      now,
    );
    const assigned = await this.assign(request, admission, authKey);
    const next: AdmissionRecord = {
      ...admission,
      state: advanceAdmission(state, assigned.key !== undefined || admission.role === 'pn-gw' ? 'register' : 'assign'),
      assigned: { digest: request.digest, reply: assigned.reply },
      ...(assigned.key && { keyId: assigned.key.keyId }),
      ...(assigned.certificate && {
        certificateDigest: assigned.certificate.digest,
        certificateNotAfter: assigned.certificate.notAfter,
        certificateKeyDigest: assigned.certificate.keyDigest,
      }),
    };
    const put = assigned.key
      ? { admission: next, key: assigned.key, retired: retire(found.retired, found.key, now) }
      : { admission: next };
    return {
      result: { ...outcomeOf(assigned.reply, next, true), ...(assigned.key && found.key && { ending: found.key }) },
      put,
    };
  }

  /** A is at a gateway where that is the assigner, and such a token is refused here. */
  private authKeyOf(admission: AdmissionRecord): TokenAuthKey {
    if (admission.authKey === undefined)
      throw permissionDenied('TOKEN_OTHER_ASSIGNER', 'ask the gateway that the admission names');
    return admission.authKey;
  }

  private async assign(
    request: CheckedAssignment,
    admission: AdmissionRecord,
    authKey: TokenAuthKey,
  ): Promise<Assigned> {
    const shown = { credential: { tokenId: admission.tokenId }, authKey };
    if (request.csr === undefined) {
      const secret = new EntityUserKey(this.random.bytes(SECRET_BYTES));
      const notAfter = this.clock.now() + this.config.keyLifetime;
      const terms = { secrets: { entityUserKey: secret }, notAfter, firstSeedId: '' };
      const answer = await answerWithSecret(shown, request.enrol, terms, this.random);
      const key = this.keyRecord(admission, secret, notAfter);
      return { reply: encode(answer), key };
    }
    checkRequestedName(request.csr, formatSubject(admission.entity, admission.user));
    const certificate = await this.issue.execute(admission, request.csr);
    const answer = answerWithCertificate(shown, request.enrol, certificate.chain);
    return { reply: encode(answer), certificate };
  }

  private keyRecord(admission: AdmissionRecord, secret: EntityUserKey, notAfter: number): KeyRecord {
    const { form, user, assigner, tokenId, admittedAt } = admission;
    const registeredAt = this.clock.now();
    return {
      form,
      state: 'live',
      user,
      assigner,
      tokenId,
      admittedAt,
      secret,
      keyId: deriveKeyId(secret),
      notAfter,
      registeredAt,
    };
  }
}

const outcomeOf = (reply: Buffer, admission: AdmissionRecord, fresh: boolean): Outcome => ({ reply, admission, fresh });

const encode = (answer: Parameters<typeof assignmentReply>[0]): Buffer =>
  Buffer.from(AssignmentReply.encode(assignmentReply(answer)).finish());
