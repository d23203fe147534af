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
  type CheckedAssignment,
  type PnGatewayServiceAssignEntityUserKeyRequest,
  type PnGatewayServiceRegisterEntityUserKeyRequest,
  PnGatewayServiceService,
} from '@cpns/contracts';
import { Clock, formatSubject, NONCE_BYTES, Random, unauthenticated } from '@cpns/core';
import {
  advanceAdmission,
  answerWithCertificate,
  answerWithSecret,
  checkMayReplace,
  judgeRequest,
} from '@cpns/entity-user-key';
import type { CallContext, Handlers } from '@cpns/grpc';
import { deriveEntityUserKey, deriveKeyId, deriveSecondSeed, type EnrolRequest } from '@cpns/key-derivation';
import { GrpcController } from '@cpns/platform';
import { at, type Decision, expiring, type Found, Records, type Snapshot } from '@cpns/store';
import { emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { checkAddressee, OwnGateway } from '../common/own-gateway';
import { certificatePortOf, GatewayConfig } from '../config';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { FirstSeeds } from '../provisioning/first-seeds';
import { GatewayCa } from '../provisioning/gateway-ca';
import {
  ASSIGNED_KEYS,
  type AssignedKeyRecord,
  entityAggregate,
  GRANT,
  GRANT_KEPT_MS,
  grantName,
  type GrantRecord,
} from './assigned-keys';
import { ASSIGNMENT_CARRIES, RelayToServer } from './relay';

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
    private readonly credentials: LiveCredentials,
    private readonly relay: RelayToServer,
  ) {}

  /**
   * @throws CpnsError a field's reason; PN_MISMATCH, GATEWAY_MISMATCH; RESYNCHRONISING; TOKEN_* of {@link judgeRequest}; FIRST_SEED_*,
   *   GATEWAY_NOT_PROVISIONED; CSR_NAME_MISMATCH; what the Server answers where it is the assigner
   */
  async execute(message: AssignmentRequest | undefined, call: CallContext): Promise<AssignmentReply> {
    const startedAt = this.clock.now();
    const request = checkAssignment(message, call.method);
    checkAddressee(this.own.name, request.entity, request.gateway);
    await this.credentials.assertCertain();
    const seen = await this.records.snapshot(entityAggregate(request.entity.uri), wantedOf(request.enrol.tokenId));
    const { grant } = seen.found;
    // one that a complete snapshot did not name is void
    if (grant === undefined || (grant.generation ?? 0n) < (await this.credentials.generation()))
      return this.relay.assign(message, request, call);
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
