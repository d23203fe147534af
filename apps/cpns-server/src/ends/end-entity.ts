import { Clock, failedPrecondition, type EntityName } from '@cpns/core';
import { advanceAdmission, advanceKey, checkLive } from '@cpns/entity-user-key';
import { at, revisionOf, type Decision, type Found, type RecordRef, type Snapshot } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { LiveKeys } from '../entities/live-keys';
import {
  ADMISSION,
  admissionName,
  ENTITY_HEAD,
  EntityRecords,
  isInUse,
  isOpen,
  KEY,
  retire,
  RETIRED,
  type AdmissionRecord,
  type KeyRecord,
} from '../entities/records';
import { dueCredential, dueToken, GatewayOutbox } from '../gateway-log/gateway-outbox';
import { factsOf, hasKey, requireKey, type Facts, type Scope } from './scope';

/** By the number of the admission, so that no token-id is taken for another record of the entity. */
type ByNumber<T> = Record<`token${number}`, T>;

function wantedOf(tokenIds: readonly string[]) {
  const admissions: ByNumber<RecordRef<typeof ADMISSION.fields>> = Object.fromEntries(
    tokenIds.map((id, index) => [`token${index}`, at(ADMISSION, admissionName(id))]),
  );
  return Object.assign(admissions, { head: at(ENTITY_HEAD), key: at(KEY), retired: at(RETIRED) });
}
type Wanted = ReturnType<typeof wantedOf>;

interface Seen {
  readonly tokenIds: readonly string[];
  readonly snapshot: Snapshot<Wanted>;
}

const admissionsOf = (tokenIds: readonly string[], found: Found<Wanted>): readonly AdmissionRecord[] =>
  tokenIds.map((_, index) => found[`token${index}`]).filter((admission) => admission !== undefined);

/** Ends what an entity has, in one commit; no record is removed: absence grants nothing. */
@Injectable()
export class EndEntity {
  constructor(
    private readonly entities: EntityRecords,
    private readonly outbox: GatewayOutbox,
    private readonly keys: LiveKeys,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError what the scope throws */
  async look(entity: EntityName, scope: Scope): Promise<Facts> {
    return this.factsOf(entity, scope, await this.see(entity));
  }

  /**
   * Ends the key and the admissions of the scope, and with a key its life.
   * @param isTold false where the gateways hear of it in another way
   * @returns how it is afterwards
   * @throws CpnsError what the scope throws
   */
  async end(entity: EntityName, scope: Scope, isTold = true): Promise<Facts> {
    for (;;) {
      const seen = await this.see(entity);
      const { tokenIds, snapshot } = seen;
      const decide = (found: Found<Wanted>) => this.decide(scope, tokenIds, found);
      const due = isTold ? this.dueOf(this.factsOf(entity, scope, seen)) : [];
      const isDone = await this.outbox.around(due, () =>
        this.entities.transact(entity, wantedOf(tokenIds), decide, snapshot),
      );
      if (isDone) return this.look(entity, scope);
    }
  }

  /**
   * Has a key rest, or go on: nothing ends, and its gateways hear of it.
   * @param keyId of the key that is meant; empty for the newest
   * @returns false where it is so already
   * @throws CpnsError KEY_REVOKED, also where another key took the place of the one that is meant; KEY_EXPIRED
   */
  async rest(entity: EntityName, keyId: string, event: 'suspend' | 'resume', isDry: boolean): Promise<boolean> {
    const wanted = { key: at(KEY) };
    const seen = await this.entities.snapshot(entity, wanted);
    const { key } = seen.found;
    if (key !== undefined && isInUse(key) && !(await this.keys.isAssignerInForce(key)))
      throw failedPrecondition('KEY_REVOKED', 'the gateway that assigned the key was revoked');
    const decide = (found: Found<typeof wanted>): Decision<typeof wanted, void> => {
      if (found.key === undefined) return { result: undefined };
      requireKey(found.key, keyId);
      const state = advanceKey(found.key.state, event);
      if (state === found.key.state) return { result: undefined };
      if (event === 'suspend') checkLive(found.key, this.clock.now());
      return { result: undefined, put: { key: { ...found.key, state } } };
    };
    // what is refused here leaves nothing to tell; neither does what changes nothing
    if (decide(seen.found).put === undefined) return false;
    if (isDry) return true;
    await this.outbox.around([dueCredential(revisionOf(KEY, seen), entity)], () =>
      this.entities.transact(entity, wanted, decide, seen),
    );
    return true;
  }

  private async see(entity: EntityName): Promise<Seen> {
    const { head } = await this.entities.read(entity, { head: at(ENTITY_HEAD) });
    const tokenIds = head?.tokenIds ?? [];
    return { tokenIds, snapshot: await this.entities.snapshot(entity, wantedOf(tokenIds)) };
  }

  private factsOf(entity: EntityName, scope: Scope, { tokenIds, snapshot }: Seen): Facts {
    const { key, head } = snapshot.found;
    return factsOf(entity, scope, {
      isKnown: key !== undefined || head !== undefined,
      life: head?.life ?? 1n,
      revision: revisionOf(KEY, snapshot),
      key,
      admissions: admissionsOf(tokenIds, snapshot.found),
    });
  }

  private dueOf(facts: Facts) {
    const { entity, open, revision } = facts;
    const due = open.map((tokenId) => dueToken(tokenId, entity));
    return hasKey(facts) ? [...due, dueCredential(revision, entity)] : due;
  }

  /** @returns false where the entity was admitted anew meanwhile */
  private decide(scope: Scope, tokenIds: readonly string[], found: Found<Wanted>): Decision<Wanted, boolean> {
    const { head, key, retired } = found;
    if (head?.tokenIds.some((id) => !tokenIds.includes(id))) return { result: false };
    const ending: KeyRecord | undefined = key !== undefined && scope.key(key) && isInUse(key) ? key : undefined;
    const ended: ByNumber<AdmissionRecord> = Object.fromEntries(
      tokenIds.flatMap((_, index) => {
        const admission = found[`token${index}`];
        return admission !== undefined && isOpen(admission) && scope.admission(admission)
          ? [[`token${index}`, { ...admission, state: advanceAdmission(admission.state, 'revoke') }]]
          : [];
      }),
    );
    if (ending === undefined && Object.keys(ended).length === 0) return { result: true };
    const { lastAdmittedAt = 0, life = 1n } = head ?? {};
    const raised = ending !== undefined || scope.isWhole === true ? life + 1n : life;
    return {
      result: true,
      put: Object.assign(ended, {
        head: { lastAdmittedAt, tokenIds: head?.tokenIds ?? [], life: raised },
        ...(ending && {
          key: { ...ending, state: advanceKey(ending.state, 'revoke') },
          retired: retire(retired, ending, this.clock.now()),
        }),
      }),
    };
  }
}
