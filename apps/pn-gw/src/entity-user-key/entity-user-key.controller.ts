/**
 * What entities ask of a PN GW about Entity-User Keys. A request for a key whose token names this gateway as assigner it answers
 * itself, with what it was provisioned with (EUK-GW-S/P steps 4 to 6), also while the Server is away; any other it relays.
 */
import { checkRequestedName, issueCertificate, type ParsedCsr } from '@cpns/certificate-issuance';
import {
  AssignmentReply,
  assignmentReply,
  type AssignmentRequest,
  checkAssignment,
  checkAssignmentReply,
  type CheckedAssignment,
  type CheckedRegistration,
  checkRegistration,
  checkRegistrationReply,
  fields,
  type PnGatewayServiceAssignEntityUserKeyRequest,
  type PnGatewayServiceRegisterEntityUserKeyRequest,
  PnGatewayServiceService,
  type RegistrationReply,
  type RegistrationRequest,
} from '@cpns/contracts';
import { Clock, CpnsError, formatSubject, NONCE_BYTES, Random, unauthenticated } from '@cpns/core';
import {
  advanceAdmission,
  answerWithCertificate,
  answerWithSecret,
  checkMayReplace,
  judgeRequest,
} from '@cpns/entity-user-key';
import type { CallContext, Handlers } from '@cpns/grpc';
import {
  deriveEntityUserKey,
  deriveKeyId,
  deriveSecondSeed,
  type EnrolRequest,
  type KeyForm,
  keyIdText,
} from '@cpns/key-derivation';
import { GrpcController } from '@cpns/platform';
import { at, type Decision, expiring, type Found, Records, type Snapshot } from '@cpns/store';
import { type CarriedField, emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { checkAddressee, OwnGateway } from '../common/own-gateway';
import { certificatePortOf, GatewayConfig } from '../config';
import { ServerClients } from '../peers/peer-clients';
import { FirstSeeds } from '../provisioning/first-seeds';
import { GatewayCa } from '../provisioning/gateway-ca';
import {
  ASSIGNED_KEYS,
  type AssignedKeyRecord,
  AssignedKeys,
  entityAggregate,
  GRANT,
  GRANT_KEPT_MS,
  grantName,
  type GrantRecord,
} from './assigned-keys';

type CarriedIn = Readonly<Record<KeyForm, readonly CarriedField[]>>;

const ASSIGNMENT_CARRIES: CarriedIn = {
  secret: ['token_id', 'entity', 'user', 'gateway', 'form', 'hpke_public_key', 'nonce', 'mac'],
  'key-pair': ['token_id', 'entity', 'user', 'gateway', 'form', 'csr', 'nonce', 'mac'],
};
const ASSIGNMENT_REPLY_CARRIES: CarriedIn = {
  secret: ['enc', 'ciphertext', 'not_after'],
  'key-pair': ['chain', 'mac'],
};
const NAMES: readonly CarriedField[] = ['token_id', 'entity', 'user'];
const REGISTRATION_CARRIES: CarriedIn = {
  secret: [...NAMES, 'first_seed_id', 'gateway', 'not_after', 'second_seed', 'nonce', 'confirmation'],
  'key-pair': [...NAMES, 'chain', 'hpke_public_key', 'signature'],
};
const REGISTRATION_REPLY_CARRIES: CarriedIn = {
  secret: ['key_id', 'confirmation'],
  'key-pair': ['key_id', 'enc', 'signature', 'chain'],
};

/**
 * What a PN GW relays to the CPNS Server, both ways as it came: requests of entities whose key the Server assigns
 * (EUK-SRV-S/P steps 1, 2, 4, 5) and registrations (EUK-GW-VERIFY steps 1, 2, 4, 5). The gateway can neither read nor swap
 * a key on the way: requests and replies are bound to the secret of a token that it does not have.
 */
@Injectable()
export class RelayToServer {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly keys: AssignedKeys,
    private readonly seeds: FirstSeeds,
    private readonly ca: GatewayCa,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError what the Server answers; DEPENDENCY_UNAVAILABLE while it is away */
  async assign(
    message: AssignmentRequest | undefined,
    { enrol: { form }, entity }: CheckedAssignment,
    call: CallContext,
  ): Promise<AssignmentReply> {
    const startedAt = this.clock.now();
    const { own, server } = this;
    const request = { request: message, method: call.method };
    const { reply } = await server.entityUserKey.assignEntityUserKey(request, { within: call });
    checkAssignmentReply(reply, form);
    const flow = form === 'secret' ? 'EUK-SRV-S' : 'EUK-SRV-P';
    // the sender is known only now: the Server found the MAC good
    emitStep({ flow, step: 1, from: entity.uri, to: own.uri, carried: ASSIGNMENT_CARRIES[form], startedAt });
    emitStep({ flow, step: 4, from: server.uri, to: own.uri, carried: ASSIGNMENT_REPLY_CARRIES[form] });
    return fields.present(reply, 'reply');
  }

  /** @throws CpnsError a field's reason; PN_MISMATCH; what the Server answers; DEPENDENCY_UNAVAILABLE while it is away */
  async register(message: RegistrationRequest | undefined, call: CallContext): Promise<RegistrationReply> {
    const startedAt = this.clock.now();
    const { own, server } = this;
    const request = checkRegistration(message);
    const { entity, form } = request;
    checkAddressee(own.name, entity);
    const { reply } = await server.entityUserKey
      .registerEntityUserKey({ request: message }, { within: call })
      .catch((error: unknown) => this.dropRefused(request, error));
    const checked = checkRegistrationReply(reply);
    const flow = 'EUK-GW-VERIFY';
    await withinStep({ flow, step: 4 }, () => this.keys.noteRegistered(entity.uri, keyIdText(checked.keyId)));
    // the sender is known only now: the Server found its confirmation or signature good
    emitStep({ flow, step: 1, from: entity.uri, to: own.uri, carried: REGISTRATION_CARRIES[form], startedAt });
    emitStep({ flow, step: 4, from: server.uri, to: own.uri, carried: REGISTRATION_REPLY_CARRIES[checked.form] });
    return fields.present(reply, 'reply');
  }

  /** What the Server says is revoked of what this gateway assigns with is used no more: the next key is assigned with another. */
  private async dropRefused(request: CheckedRegistration, error: unknown): Promise<never> {
    if (error instanceof CpnsError) {
      const { reason, metadata } = error;
      const isOwnSeed = request.form === 'secret' && request.gateway.uri === this.own.uri;
      if (reason === 'FIRST_SEED_REVOKED' && isOwnSeed) await this.seeds.destroy(request.registration.firstSeedId);
      const [, issuer] = request.form === 'key-pair' ? request.chain : [];
      if (metadata.certificate === 'ca' && issuer !== undefined) await this.ca.drop(issuer);
    }
    throw error;
  }
}

const wantedOf = (tokenId: string) => ({ grant: at(GRANT, grantName(tokenId)), ...ASSIGNED_KEYS });
type Wanted = ReturnType<typeof wantedOf>;

/** A key that was made for a request, and is not in force before it is recorded. */
interface Made {
  readonly reply: AssignmentReply;
  readonly key?: AssignedKeyRecord;
}

interface Outcome {
  readonly reply: AssignmentReply;
  /** False for a repetition, which gets the stored reply. */
  readonly fresh: boolean;
}

@Injectable()
export class AssignEntityUserKey {
  constructor(
    private readonly own: OwnGateway,
    private readonly config: GatewayConfig,
    private readonly records: Records,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly seeds: FirstSeeds,
    private readonly ca: GatewayCa,
    private readonly relay: RelayToServer,
  ) {}

  /**
   * @throws CpnsError a field's reason; PN_MISMATCH, GATEWAY_MISMATCH; TOKEN_* of {@link judgeRequest}; FIRST_SEED_*,
   *   GATEWAY_NOT_PROVISIONED; CSR_NAME_MISMATCH; what the Server answers where it is the assigner
   */
  async execute(message: AssignmentRequest | undefined, call: CallContext): Promise<AssignmentReply> {
    const startedAt = this.clock.now();
    const request = checkAssignment(message, call.method);
    checkAddressee(this.own.name, request.entity, request.gateway);
    const seen = await this.records.snapshot(entityAggregate(request.entity.uri), wantedOf(request.enrol.tokenId));
    if (seen.found.grant === undefined) return this.relay.assign(message, request, call);
    const flow = request.enrol.form === 'secret' ? 'EUK-GW-S' : 'EUK-GW-P';
    const { reply, fresh } = await withinStep({ flow, step: 5 }, () => this.assignHere(request, seen));
    this.report(flow, request, fresh, startedAt);
    return reply;
  }

  private async assignHere(request: CheckedAssignment, seen: Snapshot<Wanted>): Promise<Outcome> {
    const { grant, stored } = this.judge(request, seen.found);
    if (stored !== undefined) return { reply: stored, fresh: false };
    const { csr, enrol } = request;
    const made = csr === undefined ? await this.makeSecret(enrol, grant) : await this.issue(csr, enrol, grant);
    const decide = (found: Found<Wanted>) => this.decide(request, made, found);
    return this.records.transact(entityAggregate(request.entity.uri), wantedOf(grant.tokenId), decide, seen);
  }

  private decide(request: CheckedAssignment, made: Made, found: Found<Wanted>): Decision<Wanted, Outcome> {
    const { grant, stored } = this.judge(request, found);
    if (stored !== undefined) return { result: { reply: stored, fresh: false } };
    const next: GrantRecord = {
      ...grant,
      state: advanceAdmission(grant.state, 'assign'),
      spent: { digest: request.digest, reply: Buffer.from(AssignmentReply.encode(made.reply).finish()) },
    };
    return {
      result: { reply: made.reply, fresh: true },
      put: {
        grant: expiring(next, grant.expiresAt + GRANT_KEPT_MS),
        ...(made.key && { key: expiring(made.key, made.key.notAfter) }),
      },
    };
  }

  /** @returns the grant, and for a repetition the reply that it got */
  private judge(request: CheckedAssignment, { grant, key, registered }: Found<Wanted>) {
    if (grant === undefined) throw unauthenticated('TOKEN_UNKNOWN', 'no such token: ask for a new admission');
    const own = this.own.uri;
    const now = this.clock.now();
    const stored = judgeRequest({ ...grant, assigner: own }, request, own, now);
    if (stored !== undefined) return { grant, stored: AssignmentReply.decode(stored) };
    checkMayReplace(key ?? registered, grant.admittedAt, now);
    return { grant };
  }

  private async issue(csr: ParsedCsr, enrol: EnrolRequest, grant: GrantRecord): Promise<Made> {
    const uri = formatSubject(grant.entity, grant.user);
    checkRequestedName(csr, uri);
    const { clock, random } = this;
    const notAfter = clock.now() + this.config.keyLifetime;
    const wanted = { profile: 'target-entity', uri, key: csr.key, notAfter } as const;
    const { chain } = await issueCertificate(await this.ca.issuer(), wanted, { clock, random });
    return { reply: assignmentReply(answerWithCertificate(shownBy(grant), enrol, chain)) };
  }

  private async makeSecret(enrol: EnrolRequest, grant: GrantRecord): Promise<Made> {
    const { entity, user, admittedAt, tokenId } = grant;
    const { random } = this;
    const { seed, firstSeedId } = await this.seeds.use(entity, user);
    const notAfter = this.clock.now() + this.config.keyLifetime;
    const terms = { firstSeedId, gateway: this.own.uri, entity, user, notAfter };
    const secondSeed = deriveSecondSeed(seed, random.bytes(NONCE_BYTES), terms);
    const secret = deriveEntityUserKey(seed, secondSeed, terms);
    const assignment = { secrets: { entityUserKey: secret, secondSeed }, notAfter, firstSeedId };
    const reply = assignmentReply(answerWithSecret(shownBy(grant), enrol, assignment, random));
    return { reply, key: { secret, user, keyId: deriveKeyId(secret), notAfter, admittedAt, tokenId } };
  }

  private report(flow: 'EUK-GW-S' | 'EUK-GW-P', request: CheckedAssignment, fresh: boolean, startedAt: number): void {
    const own = this.own.uri;
    const carried = ASSIGNMENT_CARRIES[request.enrol.form];
    emitStep({ flow, step: 4, from: request.entity.uri, to: own, carried, startedAt });
    if (!fresh) return;
    const made = flow === 'EUK-GW-S' ? (['second_seed', 'entity_user_key'] as const) : (['certificate'] as const);
    emitStep({ flow, step: 5, from: own, to: own, carried: made, startedAt });
  }
}

const shownBy = ({ tokenId, authKey }: GrantRecord) => ({ credential: { tokenId }, authKey });

const { assignEntityUserKey, registerEntityUserKey } = PnGatewayServiceService;
const SERVED = { assignEntityUserKey, registerEntityUserKey };

/** CPNS-1 on the wire: Entity-User Keys. The port answers UNIMPLEMENTED to RenewEntityUserKey. */
@GrpcController(SERVED)
export class EntityUserKeyController implements Handlers<typeof SERVED> {
  constructor(
    private readonly assign: AssignEntityUserKey,
    private readonly relay: RelayToServer,
    private readonly config: GatewayConfig,
  ) {}

  async assignEntityUserKey(
    @Payload() { request }: PnGatewayServiceAssignEntityUserKeyRequest,
    @Ctx() call: CallContext,
  ) {
    const reply = await this.assign.execute(request, call);
    return { reply, certificatePort: certificatePortOf(this.config) };
  }

  async registerEntityUserKey(
    @Payload() { request }: PnGatewayServiceRegisterEntityUserKeyRequest,
    @Ctx() call: CallContext,
  ) {
    const reply = await this.relay.register(request, call);
    return { reply, certificatePort: certificatePortOf(this.config) };
  }
}
