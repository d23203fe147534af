/** Admits an entity: from now on one token leads to one Entity-User Key (protocol.md, "Admission"; EUK-ASSOC). */
import { HOSTS_MAX } from '@cpns/certificate-issuance';
import { EntityRole, fields, keyForm, type AdmitEntityRequest } from '@cpns/contracts';
import {
  checkUserId,
  Clock,
  CpnsError,
  failedPrecondition,
  invalidArgument,
  parseEntityUri,
  permissionDenied,
  Random,
  samePn,
  TokenAuthKey,
  type EntityName,
} from '@cpns/core';
import { TOKEN_MAX_LIFE_MS, type AdmittedRole } from '@cpns/entity-user-key';
import type { KeyForm } from '@cpns/key-derivation';
import { ServiceIdentity } from '@cpns/platform';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { isIP } from 'node:net';
import { EntityIndex } from '../entities/entity-index';
import {
  ADMISSION,
  admissionName,
  ENTITY_HEAD,
  EntityRecords,
  KEY,
  type AdmissionRecord,
  type KeyRecord,
} from '../entities/records';
import { UserIndex } from '../entities/user-index';
import { dueToken, GatewayOutbox } from '../gateway-log/gateway-outbox';
import { GatewayRecords, lifeOf } from '../gateways/records';

const TOKEN_ID_BYTES = 16;
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

interface Admissible {
  readonly entity: EntityName;
  readonly user: string;
  readonly role: AdmittedRole;
  readonly form: KeyForm;
  readonly assigner: string;
  /** Of the gateway that is the assigner. */
  readonly assignerLife?: bigint;
  readonly authKey: TokenAuthKey;
  readonly expiresAt: number;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

@Injectable()
export class AdmitEntity {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly entities: EntityRecords,
    private readonly gateways: GatewayRecords,
    private readonly outbox: GatewayOutbox,
    private readonly index: EntityIndex,
    private readonly users: UserIndex,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * @throws CpnsError a field's reason; TRUST_DOMAIN; PN_MISMATCH, GATEWAY_NOT_PROVISIONED or GATEWAY_RETIRING for an
   *   assigner that cannot be; LIMIT_REACHED
   */
  async execute(request: AdmitEntityRequest): Promise<AdmissionRecord> {
    const wanted = this.check(request);
    const isOwn = wanted.assigner === this.own.uri;
    const assignerLife = isOwn ? undefined : await this.assignerLife(wanted);
    await makeRoom(this.entities, wanted.entity, this.clock.now());
    const tokenId = this.random.bytes(TOKEN_ID_BYTES).toString('hex');
    // the indexes first: a crash in between leaves entries that lead nowhere
    await this.index.add(wanted.entity.pnId, wanted.entity.uri);
    if (wanted.user !== '') await this.users.add(wanted.user, wanted.entity.uri);
    await this.entities.addToken(tokenId, wanted.entity);
    return this.outbox.around(isOwn ? [] : [dueToken(tokenId, wanted.entity)], () =>
      this.record({ ...wanted, ...(assignerLife && { assignerLife }) }, tokenId),
    );
  }

  private check(request: AdmitEntityRequest): Admissible {
    const entity = parseEntityUri(request.entity, 'entity');
    if (entity.trustDomain !== this.own.trustDomain)
      throw permissionDenied('TRUST_DOMAIN', `this Server serves ${this.own.trustDomain} only`);
    const form = keyForm(request.form);
    const role = roleOf(request.role);
    const assigner = request.assigner === '' ? this.own.uri : checkAssignerName(entity, request.assigner);
    const hosts = checkHosts(request, role);
    if (role === 'pn-gw') checkGateway(entity, form, assigner === this.own.uri, request.user);
    return {
      entity,
      user: checkUserId(request.user, 'user'),
      role,
      form,
      assigner,
      authKey: new TokenAuthKey(fields.secret(request.tokenAuthKey, 'token_auth_key')),
      expiresAt: this.checkExpiry(request.expiresAt),
      ...hosts,
    };
  }

  private checkExpiry(value: bigint): number {
    const expiresAt = fields.time(value, 'expires_at');
    const now = this.clock.now();
    if (expiresAt <= now || expiresAt > now + TOKEN_MAX_LIFE_MS)
      throw invalidArgument('FIELD_OUT_OF_RANGE', 'a token ends within 30 days from now', {
        metadata: { field: 'expires_at' },
      });
    return expiresAt;
  }

  /** A revocation that comes after this look ends the admission with that life. */
  private async assignerLife({ assigner }: Admissible): Promise<bigint> {
    const identity = await this.gateways.identityOf(assigner);
    if (identity?.state !== 'live')
      throw failedPrecondition('GATEWAY_NOT_PROVISIONED', 'the assigner has not enrolled: admit it as a PN GW first');
    if (identity.retireAt !== undefined)
      throw failedPrecondition('GATEWAY_RETIRING', 'the assigner is to be retired: name another');
    return lifeOf(identity);
  }

  private record(wanted: Admissible, tokenId: string): Promise<AdmissionRecord> {
    const { entity, ...rest } = wanted;
    const records = { head: at(ENTITY_HEAD), admission: at(ADMISSION, admissionName(tokenId)) };
    return this.entities.transact(entity, records, ({ head }) => {
      const admittedAt = Math.max(this.clock.now(), (head?.lastAdmittedAt ?? 0) + 1);
      const admission: AdmissionRecord = {
        ...rest,
        tokenId,
        entity: entity.uri,
        state: 'open',
        admittedAt,
      };
      const next = { ...head, lastAdmittedAt: admittedAt, tokenIds: [...(head?.tokenIds ?? []), tokenId] };
      return { result: admission, put: { head: next, admission } };
    });
  }
}

function roleOf(role: EntityRole): AdmittedRole {
  if (role === EntityRole.ENTITY_ROLE_TARGET_ENTITY) return 'target-entity';
  if (role === EntityRole.ENTITY_ROLE_PN_GW) return 'pn-gw';
  throw invalidArgument('FIELD_OUT_OF_RANGE', 'role is neither target entity nor PN GW', {
    metadata: { field: 'role' },
  });
}

function checkAssignerName(entity: EntityName, assigner: string): string {
  const gateway = parseEntityUri(assigner, 'assigner');
  if (gateway.entityType !== 'pn-gw')
    throw invalidArgument('NAME_INVALID', 'assigner is not a PN GW', { metadata: { field: 'assigner' } });
  if (!samePn(entity, gateway)) throw permissionDenied('PN_MISMATCH', 'a gateway assigns in its own PN only');
  if (gateway.uri === entity.uri) throw permissionDenied('GATEWAY_MISMATCH', 'a gateway does not assign to itself');
  return gateway.uri;
}

function checkGateway(entity: EntityName, form: KeyForm, byServer: boolean, user: string): void {
  const refuse = (field: string, message: string) =>
    invalidArgument('FIELD_OUT_OF_RANGE', message, { metadata: { field } });
  if (entity.entityType !== 'pn-gw') throw refuse('entity', 'a PNE cannot act as PN GW');
  if (form !== 'key-pair') throw refuse('form', 'a PN GW enrols with a key pair');
  if (!byServer) throw refuse('assigner', 'a PN GW is enrolled by the Server');
  if (user !== '') throw refuse('user', 'a PN GW acts for its PN, not for a user');
}

function checkHosts({ dnsNames, ipAddresses }: AdmitEntityRequest, role: AdmittedRole) {
  const refuse = (reason: 'FIELD_TOO_LONG' | 'NAME_INVALID' | 'FIELD_OUT_OF_RANGE', field: string, message: string) =>
    invalidArgument(reason, message, { metadata: { field } });
  const count = dnsNames.length + ipAddresses.length;
  if (role === 'target-entity' && count > 0)
    throw refuse('FIELD_OUT_OF_RANGE', 'dns_names', 'a target entity’s certificate holds its URI and nothing else');
  if (role === 'pn-gw' && count === 0)
    throw invalidArgument('FIELD_MISSING', 'say under which names the PN GW serves', {
      metadata: { field: 'dns_names' },
    });
  if (count > HOSTS_MAX) throw refuse('FIELD_TOO_LONG', 'dns_names', `at most ${HOSTS_MAX} names and addresses`);
  if (!dnsNames.every((name) => DNS_NAME.test(name)))
    throw refuse('NAME_INVALID', 'dns_names', 'a DNS name is not made of lower-case labels');
  if (!ipAddresses.every((address) => isIP(address) !== 0 && !address.includes('%')))
    throw refuse('NAME_INVALID', 'ip_addresses', 'an address is neither IPv4 nor IPv6');
  return { dnsNames, ipAddresses };
}

/** As many admissions of one entity as are kept at a time. */
const ADMISSIONS_MAX = 64;

/** An admission that can lead to nothing more: its time is over, and the key that it led to is not the entity's. */
function isOver(
  { tokenId, expiresAt, certificateNotAfter = 0 }: AdmissionRecord,
  key: KeyRecord | undefined,
  now: number,
): boolean {
  return now >= expiresAt && now >= certificateNotAfter && key?.tokenId !== tokenId;
}

/**
 * Forgets admissions that are over, once an entity has as many as are kept: an absent one grants nothing.
 * @param now Unix milliseconds
 * @throws CpnsError LIMIT_REACHED when all of them may still lead to a key
 */
async function makeRoom(entities: EntityRecords, entity: EntityName, now: number): Promise<void> {
  const { head } = await entities.read(entity, { head: at(ENTITY_HEAD) });
  if (head === undefined || head.tokenIds.length < ADMISSIONS_MAX) return;
  const admissions = Object.fromEntries(head.tokenIds.map((id) => [id, at(ADMISSION, admissionName(id))]));
  const found = await entities.read(entity, admissions);
  const { key } = await entities.read(entity, { key: at(KEY) });
  const over = head.tokenIds.filter((id) => {
    const admission = found[id];
    return admission === undefined || isOver(admission, key, now);
  });
  if (over.length === 0)
    throw new CpnsError(
      'LIMIT_REACHED',
      `an entity has ${ADMISSIONS_MAX} admissions at most: revoke some, or wait until they end`,
    );
  const ending = Object.fromEntries(over.map((id) => [id, at(ADMISSION, admissionName(id))]));
  await entities.transact(entity, ending, () => ({
    result: undefined,
    put: Object.fromEntries(over.map((id) => [id, null])),
  }));
  await entities.transact(entity, { head: at(ENTITY_HEAD) }, (latest) => ({
    result: undefined,
    put: {
      head: {
        ...latest.head,
        lastAdmittedAt: latest.head?.lastAdmittedAt ?? 0,
        tokenIds: (latest.head?.tokenIds ?? []).filter((id) => !over.includes(id)),
      },
    },
  }));
}
