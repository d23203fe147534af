/**
 * EUK-SRV-S and EUK-SRV-P, steps 2 to 4: the CPNS Server assigns an Entity-User Key to a target entity, or an identity
 * to a PN GW that enrols itself (protocol.md, "Admission").
 */
import {
  checkRequestedName,
  issueCertificate,
  type Issuer,
  type IssueRequest,
  type ParsedCsr,
} from '@cpns/certificate-issuance';
import {
  AssignmentReply,
  assignmentReply,
  checkAssignment,
  type AssignmentRequest,
  type EntityUserKeyServiceAssignEntityUserKeyResponse,
  type CheckedAssignment,
} from '@cpns/contracts';
import {
  Clock,
  EntityUserKey,
  formatSubject,
  permissionDenied,
  Random,
  samePn,
  SECRET_BYTES,
  unavailable,
  type EntityName,
} from '@cpns/core';
import {
  advanceAdmission,
  answerWithCertificate,
  answerWithSecret,
  checkMayReplace,
  judgeRequest,
} from '@cpns/entity-user-key';
import { deriveKeyId, sha256, type EnrolRequest } from '@cpns/key-derivation';
import { ServiceIdentity } from '@cpns/platform';
import { revisionOf, type Decision, type Found } from '@cpns/store';
import { emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Authorities } from '../authorities/authorities';
import { ServerConfig } from '../config';
import { Endings } from '../ends/endings';
import { Credentials } from '../entities/credentials';
import { LastSeen } from '../entities/last-seen';
import {
  EntityRecords,
  KEY,
  retire,
  tokenRecords,
  unknownToken,
  type AdmissionRecord,
  type KeyRecord,
  type TokenRecords,
} from '../entities/records';
import { dueCredential, GatewayOutbox } from '../gateway-log/gateway-outbox';
import { GatewayRecords } from '../gateways/records';
import { RecordIdentity } from './provision-gateway';

interface Issued {
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** SHA-256 of the leaf, 32 bytes. */
  readonly digest: Buffer;
  /** SHA-256 of its public key, 32 bytes. */
  readonly keyDigest: Buffer;
  /** Unix milliseconds. */
  readonly notAfter: number;
}

interface ToIssue {
  readonly issuer: Issuer;
  readonly request: IssueRequest;
}

/** The certificate of the entity that was admitted; of the request it takes the public key alone. */
@Injectable()
export class IssueCertificate {
  constructor(
    private readonly authorities: Authorities,
    private readonly config: ServerConfig,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** @throws CpnsError CSR_NAME_MISMATCH */
  async execute(admission: AdmissionRecord, csr: ParsedCsr): Promise<Issued> {
    checkRequestedName(csr, formatSubject(admission.entity, admission.user));
    const { issuer, request } =
      admission.role === 'pn-gw' ? this.identity(admission, csr) : this.targetEntity(admission, csr);
    const { clock, random } = this;
    const { chain, fingerprint, notAfter } = await issueCertificate(issuer, request, { clock, random });
    return { chain, digest: fingerprint, keyDigest: sha256(csr.spki), notAfter };
  }

  private identity({ entity, dnsNames, ipAddresses }: AdmissionRecord, { key }: ParsedCsr): ToIssue {
    const notAfter = this.clock.now() + this.config.identityLifetime;
    return {
      issuer: this.authorities.issuingCa,
      request: { profile: 'gateway-identity', uri: entity, dnsNames, ipAddresses, key, notAfter },
    };
  }

  private targetEntity({ entity, user }: AdmissionRecord, { key }: ParsedCsr): ToIssue {
    const notAfter = this.clock.now() + this.config.keyLifetime;
    return {
      issuer: this.authorities.entityCa,
      request: { profile: 'target-entity', uri: formatSubject(entity, user), key, notAfter },
    };
  }
}

/** Who brought the request: a gateway for an entity of its PN, or a gateway itself on the token port. */
export type Bearer =
  { readonly kind: 'relay'; readonly gateway: EntityName } | { readonly kind: 'self'; readonly path: string };

/** A key that was made for a request, and is not in force before it is recorded. */
interface Made {
  readonly reply: AssignmentReply;
  readonly key?: KeyRecord;
  readonly certificate?: Issued;
}

interface Outcome {
  readonly reply: AssignmentReply;
  readonly admission: AdmissionRecord;
  /** False for a repetition, which gets the stored reply. */
  readonly fresh: boolean;
}

@Injectable()
export class AssignEntityUserKey {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly config: ServerConfig,
    private readonly entities: EntityRecords,
    private readonly gateways: GatewayRecords,
    private readonly certificates: IssueCertificate,
    private readonly recordIdentity: RecordIdentity,
    private readonly outbox: GatewayOutbox,
    private readonly credentials: Credentials,
    private readonly endings: Endings,
    private readonly lastSeen: LastSeen,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * @param method path that the entity called
   * @returns the reply for the entity, and for a gateway that relays what it now holds the entity to
   * @throws CpnsError a field's reason; TRUST_DOMAIN, PN_MISMATCH, GATEWAY_MISMATCH, TOKEN_OTHER_METHOD; TOKEN_UNKNOWN
   *   and the reasons of {@link judgeRequest}; CSR_NAME_MISMATCH; LIVE_KEY, KEY_SUSPENDED
   */
  async execute(
    message: AssignmentRequest | undefined,
    method: string,
    bearer: Bearer,
  ): Promise<EntityUserKeyServiceAssignEntityUserKeyResponse> {
    const startedAt = this.clock.now();
    const request = checkAssignment(message, method);
    this.checkBearer(request, bearer);
    const flow = request.csr === undefined ? 'EUK-SRV-S' : 'EUK-SRV-P';
    const outcome = await withinStep({ flow, step: 3 }, () => this.assign(request));
    if (outcome.admission.role === 'pn-gw') await this.recordIdentity.execute(outcome.admission);
    const { reply, fresh } = outcome;
    if (bearer.kind === 'self') return { reply, credential: undefined };
    this.report(flow, bearer.gateway.uri, fresh, startedAt);
    const noted = this.lastSeen.note(request.entity, bearer.gateway.uri);
    const credential = await this.credentials.of(request.entity);
    await noted;
    return { reply, credential };
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

  private async assign(request: CheckedAssignment): Promise<Outcome> {
    const { tokenId } = request.enrol;
    const seen = await this.entities.snapshot(request.entity, tokenRecords(tokenId));
    if (seen.found.admission === undefined) return this.entities.refuseToken(tokenId);
    const { admission, authKey, stored } = this.judge(request, seen.found);
    if (stored !== undefined) return { reply: stored, admission, fresh: false };
    // the identity of a gateway is in another aggregate, and looked at again there when it is recorded
    if (admission.role === 'pn-gw')
      checkMayReplace(await this.gateways.identityOf(admission.entity), admission.admittedAt, this.clock.now());
    const shown = { credential: { tokenId }, authKey };
    const { csr, enrol } = request;
    let made: Made;
    if (csr === undefined) made = this.makeSecret(shown, enrol, admission);
    else {
      const certificate = await this.certificates.execute(admission, csr);
      made = { reply: assignmentReply(answerWithCertificate(shown, enrol, certificate.chain)), certificate };
    }
    const decide = (found: Found<TokenRecords>) => this.decide(request, made, found);
    // what is refused here leaves nothing to tell
    decide(seen.found);
    if (made.key !== undefined && (await this.endings.settle(request.entity, seen.found.key)))
      return this.assign(request);
    const due = made.key === undefined ? [] : [dueCredential(revisionOf(KEY, seen), request.entity)];
    return this.outbox.around(due, () => this.entities.transact(request.entity, tokenRecords(tokenId), decide, seen));
  }

  private decide(request: CheckedAssignment, made: Made, found: Found<TokenRecords>): Decision<TokenRecords, Outcome> {
    const { admission, stored } = this.judge(request, found);
    if (stored !== undefined) return { result: { reply: stored, admission, fresh: false } };
    const { reply, key, certificate } = made;
    const event = key !== undefined || admission.role === 'pn-gw' ? 'register' : 'assign';
    const next: AdmissionRecord = {
      ...admission,
      state: advanceAdmission(admission.state, event),
      assigned: { digest: request.digest, reply: Buffer.from(AssignmentReply.encode(reply).finish()) },
      ...(key && { keyId: key.keyId }),
      ...(certificate && {
        certificateDigest: certificate.digest,
        certificateNotAfter: certificate.notAfter,
        certificateKeyDigest: certificate.keyDigest,
      }),
    };
    const result = { reply, admission: next, fresh: true };
    if (key === undefined) return { result, put: { admission: next } };
    return { result, put: { admission: next, key, retired: retire(found.retired, found.key, this.clock.now()) } };
  }

  /** @returns the admission with its A, and for a repetition the reply that it got */
  private judge({ entity, gateway, enrol, mac, digest }: CheckedAssignment, { admission, key }: Found<TokenRecords>) {
    if (admission === undefined) throw unknownToken();
    const { authKey, assigned, ...token } = admission;
    if (authKey === undefined || ![this.own.uri, gateway.uri].includes(token.assigner))
      throw permissionDenied('TOKEN_OTHER_ASSIGNER', 'ask the gateway that the admission names');
    const now = this.clock.now();
    const granted = { ...token, authKey, ...(assigned && { spent: assigned }) };
    const stored = judgeRequest(granted, { enrol, mac, digest }, token.assigner, now);
    if (token.assigner !== this.own.uri)
      throw unavailable('DEPENDENCY_UNAVAILABLE', 'the gateway does not know of its token yet: try again', {
        metadata: { dependency: token.assigner },
      });
    if (stored !== undefined) return { admission, authKey, stored: AssignmentReply.decode(stored) };
    if ((admission.role === 'pn-gw') !== (gateway.uri === entity.uri))
      throw permissionDenied(
        'GATEWAY_MISMATCH',
        'a PN GW enrols itself at the Server, a target entity asks through its gateway',
      );
    if (admission.role === 'target-entity') checkMayReplace(key, admission.admittedAt, now);
    return { admission, authKey };
  }

  private makeSecret(
    shown: Parameters<typeof answerWithSecret>[0],
    enrol: EnrolRequest,
    { form, user, assigner, tokenId, admittedAt }: AdmissionRecord,
  ): Made {
    const secret = new EntityUserKey(this.random.bytes(SECRET_BYTES));
    const registeredAt = this.clock.now();
    const notAfter = registeredAt + this.config.keyLifetime;
    const terms = { secrets: { entityUserKey: secret }, notAfter, firstSeedId: '' };
    const reply = assignmentReply(answerWithSecret(shown, enrol, terms, this.random));
    const names = { form, user, assigner, tokenId, admittedAt };
    return { reply, key: { ...names, state: 'live', secret, keyId: deriveKeyId(secret), notAfter, registeredAt } };
  }

  /** Steps 2 and 3, once the request was found good. Of a repetition nothing was made. */
  private report(flow: 'EUK-SRV-S' | 'EUK-SRV-P', gateway: string, fresh: boolean, startedAt: number): void {
    const { uri } = this.own;
    const [key, made] =
      flow === 'EUK-SRV-S' ? (['hpke_public_key', 'entity_user_key'] as const) : (['csr', 'certificate'] as const);
    const carried = ['token_id', 'entity', 'user', 'gateway', 'form', key, 'nonce', 'mac', 'method'] as const;
    emitStep({ flow, step: 2, from: gateway, to: uri, carried, startedAt });
    if (fresh) emitStep({ flow, step: 3, from: uri, to: uri, carried: [made], startedAt });
  }
}
