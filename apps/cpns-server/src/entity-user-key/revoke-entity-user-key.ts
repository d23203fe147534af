/** An operator ends the right of an entity, a gateway or a CPNS User, or has the key of an entity rest. */
import {
  RevocationKind,
  type EndReport,
  type RevokeEntityUserKeyRequest,
  type RevokeEntityUserKeyResponse,
} from '@cpns/contracts';
import { checkUserId, Clock, CpnsError, invalidArgument, parseEntityUri, type EntityName } from '@cpns/core';
import { checkSize, KEY_ID_BYTES } from '@cpns/key-derivation';
import { OwnIdentity } from '@cpns/platform';
import { emitStep, withinStep, type CarriedField } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { LiveKeys } from '../entities/live-keys';
import { answerBy } from '../ends/answer-by';
import { DueEnds } from '../ends/due-ends';
import { EndEntity } from '../ends/end-entity';
import { Endings, type Ending, type How } from '../ends/endings';
import { RestKey } from '../ends/rest-key';
import { wholeOf } from '../ends/scope';
import { GatewayRecords } from '../gateways/records';
import { keyInfo } from './entity-user-keys';

const { REVOCATION_KIND_SUSPEND: SUSPEND, REVOCATION_KIND_RESUME: RESUME } = RevocationKind;

/** Who asks, and until when an answer is of use, Unix milliseconds. */
export interface Asker {
  readonly uri: string;
  readonly deadline: number;
}

/** What is meant. */
interface Revocation extends How {
  /** Undefined where a user is meant. */
  readonly entity: EntityName | undefined;
  readonly user: string;
  readonly keyId: string;
  readonly event: 'revoke' | 'suspend' | 'resume';
}

const outside = (field: string, message: string) =>
  invalidArgument('FIELD_OUT_OF_RANGE', message, { metadata: { field } });

/** What ends is decided by one commit, which raises the life of the entity or gateway; what follows goes on by itself. */
@Injectable()
export class RevokeEntityUserKey {
  constructor(
    private readonly own: OwnIdentity,
    private readonly endings: Endings,
    private readonly ends: EndEntity,
    private readonly resting: RestKey,
    private readonly due: DueEnds,
    private readonly gateways: GatewayRecords,
    private readonly keys: LiveKeys,
    private readonly clock: Clock,
  ) {}

  /**
   * @returns the key as it is then, if the entity has one, and what has followed by now
   * @throws CpnsError a field's reason; NOT_FOUND; KEY_REVOKED when the key that is meant was replaced, or one that ended is
   *   to rest; KEY_EXPIRED
   */
  async execute(request: RevokeEntityUserKeyRequest, asker: Asker): Promise<RevokeEntityUserKeyResponse> {
    const startedAt = this.clock.now();
    const revocation = revocationOf(request, asker.deadline);
    const decided = () => {
      if (!revocation.isDry) this.reportSteps(asker.uri, revocation, startedAt);
    };
    const report = await withinStep({ flow: 'EUK-REVOKE', step: 2 }, () => this.answer(revocation, decided));
    return { key: await this.keyOf(revocation.entity), report };
  }

  private answer(revocation: Revocation, decided: () => void): Promise<EndReport> {
    const { entity, keyId, event } = revocation;
    if (entity === undefined) return this.ofUser(revocation, decided);
    if (event !== 'revoke') return this.resting.execute(entity, keyId, event, revocation, decided);
    return this.ofEntity(entity, revocation, decided);
  }

  private async ofEntity(entity: EntityName, revocation: Revocation, decided: () => void): Promise<EndReport> {
    const { keyId } = revocation;
    const identity =
      entity.entityType === 'pn-gw' && keyId === '' ? await this.gateways.identityOf(entity.uri) : undefined;
    const scope = wholeOf(keyId);
    const { isKnown, key } = await this.ends.look(entity, scope);
    if (key === undefined && (keyId !== '' || !isKnown) && identity === undefined)
      throw new CpnsError('NOT_FOUND', 'the entity has no key and no admission');
    const ofGateway = identity && (await this.endings.ofGateway(identity, revocation));
    const ofEntity = await this.endings.ofEntity(entity, scope, revocation);
    decided();
    if (identity === undefined || ofGateway === undefined) return this.endings.report(ofEntity, revocation);
    return this.endings.reportOfGateway(identity, together(ofGateway, ofEntity), revocation);
  }

  private async ofUser(revocation: Revocation, decided: () => void): Promise<EndReport> {
    const { user, keepGrace, isDry } = revocation;
    const now = this.clock.now();
    const found = await this.endings.ofUser(user, now, { ...revocation, isDry: true });
    if (found.facts.length === 0) throw new CpnsError('NOT_FOUND', 'nothing was admitted for that user');
    if (isDry) return this.endings.report(found, revocation);
    const items = await this.due.add([{ kind: 'user', name: user, life: 0n, revision: 0n, keepGrace }], now);
    decided();
    const ending = await this.endings.ofUser(user, now, revocation);
    if (ending.isWhole) await this.due.remove(items);
    return this.endings.report(ending, revocation);
  }

  private async keyOf(entity: EntityName | undefined) {
    const key = entity && (await this.keys.read(entity));
    key?.secret.destroy();
    return entity && key && keyInfo(entity.uri, key, this.clock.now());
  }

  /** Steps 1 and 2, once it was decided. */
  private reportSteps(operator: string, { entity, keyId }: Revocation, startedAt: number): void {
    const { uri } = this.own;
    const carried: CarriedField[] = [
      entity === undefined ? 'user' : 'entity',
      ...(keyId === '' ? [] : ['key_id' as const]),
    ];
    emitStep({ flow: 'EUK-REVOKE', step: 1, from: operator, to: uri, carried: [...carried, 'kind'], startedAt });
    emitStep({ flow: 'EUK-REVOKE', step: 2, from: uri, to: uri, carried: ['status'], startedAt });
  }
}

/** @throws CpnsError a field's reason */
function revocationOf(request: RevokeEntityUserKeyRequest, deadline: number): Revocation {
  const { kind, keepGrace, dryRun: isDry } = request;
  const isOfUser = request.user !== '';
  if (isOfUser && request.entity !== '') throw outside('user', 'name an entity or a user, not both');
  const entity = isOfUser ? undefined : parseEntityUri(request.entity, 'entity');
  const user = checkUserId(request.user, 'user');
  if (isOfUser && request.keyId.length > 0) throw outside('key_id', 'a key is one of an entity: name that');
  if (request.keyId.length > 0) checkSize(request.keyId, KEY_ID_BYTES, 'key_id');
  const event = eventOf(kind);
  if (event !== 'revoke' && entity?.entityType !== 'pne') throw outside('kind', 'a gateway or a user is revoked only');
  return { entity, user, keyId: request.keyId.toString('hex'), event, keepGrace, isDry, until: answerBy(deadline) };
}

function eventOf(kind: RevocationKind): Revocation['event'] {
  if (kind === SUSPEND) return 'suspend';
  if (kind === RESUME) return 'resume';
  if (kind !== RevocationKind.REVOCATION_KIND_UNSPECIFIED && kind !== RevocationKind.REVOCATION_KIND_REVOKE)
    throw outside('kind', 'kind is none of its values');
  return 'revoke';
}

/** What ended of a gateway, and of it as a target entity. */
function together(ofGateway: Ending, { facts, items }: Ending): Ending {
  const [own] = facts;
  const others = ofGateway.facts.filter(({ entity }) => entity.uri !== own?.entity.uri);
  return { facts: [...others, ...facts], items: [...ofGateway.items, ...items], isWhole: ofGateway.isWhole };
}
