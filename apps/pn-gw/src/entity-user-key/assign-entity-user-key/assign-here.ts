/** EUK-GW-S and EUK-GW-P, steps 4 to 6: the PN GW assigns by itself, with what it was provisioned with. */
import { checkRequestedName, issueCertificate, type Issuer } from '@cpns/certificate-issuance';
import { AssignmentReply, assignmentReply, type CheckedAssignment } from '@cpns/contracts';
import { Clock, NONCE_BYTES, Random, unauthenticated, formatSubject } from '@cpns/core';
import {
  advanceAdmission,
  answerWithCertificate,
  answerWithSecret,
  checkMayReplace,
  judgeRequest,
} from '@cpns/entity-user-key';
import { deriveEntityUserKey, deriveKeyId, deriveSecondSeed } from '@cpns/key-derivation';
import { at, expiring, Records } from '@cpns/store';
import { emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../../common/own-gateway';
import { GatewayConfig } from '../../config';
import { FirstSeeds } from '../../provisioning/first-seeds';
import { GatewayCa } from '../../provisioning/gateway-ca';
import {
  ASSIGNED_KEY,
  entityAggregate,
  GRANT,
  GRANT_KEPT_MS,
  grantName,
  type AssignedKeyRecord,
  type GrantRecord,
} from '../records';

interface Assigned {
  readonly reply: Buffer;
  readonly key?: AssignedKeyRecord;
}

@Injectable()
export class AssignHere {
  constructor(
    private readonly own: OwnGateway,
    private readonly config: GatewayConfig,
    private readonly records: Records,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly seeds: FirstSeeds,
    private readonly ca: GatewayCa,
  ) {}

  /** @throws CpnsError TOKEN_* of {@link judgeRequest}; FIRST_SEED_*, GATEWAY_NOT_PROVISIONED; CSR_NAME_MISMATCH */
  async execute(request: CheckedAssignment): Promise<AssignmentReply> {
    const startedAt = this.clock.now();
    const flow = request.enrol.form === 'secret' ? 'EUK-GW-S' : 'EUK-GW-P';
    const wanted = { grant: at(GRANT, grantName(request.enrol.tokenId)), key: at(ASSIGNED_KEY) };
    const { reply, fresh } = await withinStep({ flow, step: 5 }, () =>
      this.records.transact(entityAggregate(request.entity.uri), wanted, ({ grant, key }) =>
        this.decide(request, grant, key),
      ),
    );
    this.report(flow, request, fresh, startedAt);
    return AssignmentReply.decode(reply);
  }

  private async decide(request: CheckedAssignment, grant: GrantRecord | undefined, key: AssignedKeyRecord | undefined) {
    if (grant === undefined) throw unauthenticated('TOKEN_UNKNOWN', 'no such token: ask for a new admission');
    const own = this.own.uri;
    const stored = judgeRequest({ ...grant, assigner: own }, request, own, this.clock.now());
    if (stored !== undefined) return { result: { reply: Buffer.from(stored), fresh: false } };
    checkMayReplace(key, grant.admittedAt, this.clock.now());
    const assigned = await this.assign(request, grant);
    const next: GrantRecord = {
      ...grant,
      state: advanceAdmission(grant.state, 'assign'),
      spent: { digest: request.digest, reply: assigned.reply },
    };
    const kept = expiring(next, grant.expiresAt + GRANT_KEPT_MS);
    const put = assigned.key ? { grant: kept, key: expiring(assigned.key, assigned.key.notAfter) } : { grant: kept };
    return { result: { reply: assigned.reply, fresh: true }, put };
  }

  private async assign(request: CheckedAssignment, grant: GrantRecord): Promise<Assigned> {
    const shown = { credential: { tokenId: grant.tokenId }, authKey: grant.authKey };
    if (request.csr !== undefined) {
      const uri = formatSubject(grant.entity, grant.user);
      checkRequestedName(request.csr, uri);
      const notAfter = this.clock.now() + this.config.keyLifetime;
      const issuer: Issuer = await this.ca.issuer();
      const { chain } = await issueCertificate(
        issuer,
        { profile: 'target-entity', uri, key: request.csr.key, notAfter },
        { clock: this.clock, random: this.random },
      );
      return { reply: encode(answerWithCertificate(shown, request.enrol, chain)) };
    }
    const { seed, firstSeedId } = await this.seeds.use(grant.entity, grant.user);
    const { random } = this;
    const terms = {
      firstSeedId,
      gateway: this.own.uri,
      entity: grant.entity,
      user: grant.user,
      notAfter: this.clock.now() + this.config.keyLifetime,
    };
    const secondSeed = deriveSecondSeed(seed, random.bytes(NONCE_BYTES), terms);
    const secret = deriveEntityUserKey(seed, secondSeed, terms);
    const assignment = { secrets: { entityUserKey: secret, secondSeed }, notAfter: terms.notAfter, firstSeedId };
    const answer = await answerWithSecret(shown, request.enrol, assignment, random);
    const { user, admittedAt } = grant;
    const key = { secret, user, keyId: deriveKeyId(secret), notAfter: terms.notAfter, admittedAt };
    return { reply: encode(answer), key };
  }

  private report(flow: 'EUK-GW-S' | 'EUK-GW-P', request: CheckedAssignment, fresh: boolean, startedAt: number): void {
    const own = this.own.uri;
    const key = flow === 'EUK-GW-S' ? 'hpke_public_key' : 'csr';
    emitStep({
      flow,
      step: 4,
      from: request.entity.uri,
      to: own,
      carried: ['token_id', 'entity', 'user', 'gateway', 'form', key, 'nonce', 'mac'],
      startedAt,
    });
    if (!fresh) return;
    const made = flow === 'EUK-GW-S' ? (['second_seed', 'entity_user_key'] as const) : (['certificate'] as const);
    emitStep({ flow, step: 5, from: own, to: own, carried: made, startedAt });
  }
}

const encode = (answer: Parameters<typeof assignmentReply>[0]): Buffer =>
  Buffer.from(AssignmentReply.encode(assignmentReply(answer)).finish());
