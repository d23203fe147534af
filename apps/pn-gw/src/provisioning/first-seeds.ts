/** What a PN GW is provisioned with, so that it assigns keys while the CPNS Server is away. */
import { fields } from '@cpns/contracts';
import {
  checkFirstSeedId,
  Clock,
  CpnsError,
  failedPrecondition,
  FirstSeed,
  KeyedBatches,
  NONCE_BYTES,
  Random,
  type Reason,
} from '@cpns/core';
import { checkMayAssign, type FirstSeedLimits, takePlaces } from '@cpns/entity-user-key';
import { sha256 } from '@cpns/key-derivation';
import { RecentRecords } from '@cpns/platform';
import {
  type Aggregate,
  at,
  byName,
  defineRecord,
  expiring,
  jsonField,
  Records,
  secretField,
  type ValueIn,
} from '@cpns/store';
import { emitStep, Logger, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { ServerClients } from '../peers/peer-clients';
import { askAnew, InForce, orNotProvisioned, PROVISIONED, PROVISIONING_AGGREGATE, ProvisioningRun } from './in-force';

/** One 1st seed, in an aggregate of its own with the (E, user) that it serves. */
export const firstSeedAggregate = (firstSeedId: string): Aggregate => ({ kind: 'first-seed', id: firstSeedId });

export const FIRST_SEED = defineRecord('seed', {
  firstSeedId: jsonField<string>(),
  seed: secretField(FirstSeed),
  assignUntil: jsonField<number>(),
  registerUntil: jsonField<number>(),
  maxEntities: jsonField<number>(),
  revoked: jsonField<boolean>(),
  /** Unix milliseconds. */
  receivedAt: jsonField<number>(),
  /** How many different (E, user) it was used for. */
  assigned: jsonField<number>(),
});
export type FirstSeedRecord = ValueIn<typeof FIRST_SEED>;

/** That the seed serves (E, user), until it ends. */
export const SERVED = defineRecord('served', { member: jsonField<string>() });

export const servedName = (member: string) => `served.${sha256(Buffer.from(member, 'utf8')).toString('hex')}` as const;
const servedMember = (entity: string, user: string): string => `${entity}?user=${user}`;

/** The seed that new keys are derived from. */
export const CURRENT_SEED = defineRecord('current-seed', {
  firstSeedId: jsonField<string>(),
  ...PROVISIONED,
});

/** A request for a 1st seed that may be under way: after a crash the same one is sent again. */
export const SEED_REQUEST = defineRecord('seed-request', { requestId: jsonField<Buffer>() });

interface SeedInUse {
  readonly seed: FirstSeed;
  readonly firstSeedId: string;
}

const ENDED: readonly Reason[] = ['FIRST_SEED_REVOKED', 'FIRST_SEED_EXPIRED', 'FIRST_SEED_SPENT'];
const hasEnded = (error: unknown): boolean => error instanceof CpnsError && ENDED.includes(error.reason);

/** A new seed is asked for when a fifth of the old one's time, or of its places, is left. */
const REMAINDER = 0.2;

/** EUK-GW-S steps 1 to 3 at the gateway: gets a 1st seed per epoch, and counts the (E, user) that it serves (Q8). */
@Injectable()
export class FirstSeeds {
  readonly #provisioning = new ProvisioningRun<string>();
  readonly #places = new KeyedBatches<string, SeedInUse>((firstSeedId, members) => this.reserve(firstSeedId, members));

  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly records: Records,
    private readonly recent: RecentRecords,
    private readonly inForce: InForce,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
  ) {}

  /**
   * The seed for a new key of (E, user), which is counted before it is used: a crash in between costs a place. One that
   * has ended is replaced, as long as the Server is there.
   * @throws CpnsError GATEWAY_NOT_PROVISIONED, FIRST_SEED_REVOKED, FIRST_SEED_EXPIRED, FIRST_SEED_SPENT
   */
  async use(entity: string, user: string): Promise<SeedInUse> {
    try {
      return await this.#places.add(await this.currentId(), servedMember(entity, user));
    } catch (error) {
      if (!hasEnded(error)) throw error;
      const firstSeedId = await this.provision().catch((cause: unknown) => {
        this.logger.warn('provisioning failed', { error: cause });
        throw error;
      });
      return this.#places.add(firstSeedId, servedMember(entity, user));
    }
  }

  /** Reserves places of a seed for those who wait for one. */
  private reserve(firstSeedId: string, members: readonly string[]): Promise<readonly (SeedInUse | Error)[]> {
    const served = byName(members, servedName, (member) => at(SERVED, servedName(member)));
    const wanted = Object.assign(served, { record: at(FIRST_SEED) });
    return this.records.transact(firstSeedAggregate(firstSeedId), wanted, (found) => {
      const { record } = found;
      if (record === undefined)
        throw failedPrecondition('FIRST_SEED_EXPIRED', 'the 1st seed is gone: the gateway has to be provisioned anew');
      const now = this.clock.now();
      const { assigned: taken, seed, registerUntil } = record;
      const known = new Set(members.filter((member) => found[servedName(member)] !== undefined));
      const { added, refused } = takePlaces(members, { served: known, taken }, (use) =>
        checkMayAssign(record, use, now),
      );
      return {
        result: members.map((member) => refused.get(member) ?? { seed, firstSeedId }),
        ...(added.length > 0 && {
          put: {
            ...byName(added, servedName, (member) => expiring({ member }, registerUntil)),
            record: expiring({ ...record, assigned: taken + added.length }, registerUntil),
          },
        }),
      };
    });
  }

  /** Asks for a new seed where there is none, or the one there is comes to its end. @throws CpnsError DEPENDENCY_UNAVAILABLE */
  async keepProvisioned(): Promise<void> {
    const current = await this.current();
    const record = current === undefined ? undefined : await this.load(current);
    if (record === undefined || this.isEnding(record)) await this.provision();
  }

  /** Q2: a seed that was put in at manufacture becomes the current one. */
  async adopt(limits: FirstSeedLimits, seed: FirstSeed): Promise<void> {
    await this.keep({ ...limits, seed, receivedAt: this.clock.now(), assigned: 0 });
  }

  /**
   * The Server says that a seed is in force. One beside the current one stays where it is.
   * @returns whether the gateway has it
   */
  async confirm(firstSeedId: string): Promise<boolean> {
    if ((await this.load(firstSeedId)) === undefined) return false;
    if (((await this.current()) ?? firstSeedId) === firstSeedId) await this.point(firstSeedId, {});
    return true;
  }

  /** The Server ended a seed: it is destroyed, and another is asked for when it is needed. */
  async destroy(firstSeedId: string): Promise<void> {
    await this.records.transact(firstSeedAggregate(firstSeedId), { record: at(FIRST_SEED) }, ({ record }) =>
      record === undefined ? { result: undefined } : { result: undefined, put: { record: null } },
    );
    await this.records.transact(PROVISIONING_AGGREGATE, { current: at(CURRENT_SEED) }, ({ current }) =>
      current?.firstSeedId === firstSeedId ? { result: undefined, put: { current: null } } : { result: undefined },
    );
  }

  private async load(firstSeedId: string): Promise<FirstSeedRecord | undefined> {
    const { record } = await this.records.read(firstSeedAggregate(firstSeedId), {
      record: at(FIRST_SEED),
    });
    return record;
  }

  private isEnding({ revoked, receivedAt, assignUntil, maxEntities, assigned }: FirstSeedRecord): boolean {
    const now = this.clock.now();
    const margin = (assignUntil - receivedAt) * REMAINDER;
    return revoked || now >= assignUntil - margin || maxEntities - assigned <= Math.floor(maxEntities * REMAINDER);
  }

  private async current(): Promise<string | undefined> {
    const { current } = await this.recent.read(PROVISIONING_AGGREGATE, { current: at(CURRENT_SEED) });
    return current !== undefined && (await this.inForce.has(current)) ? current.firstSeedId : undefined;
  }

  private async currentId(): Promise<string> {
    return (await this.current()) ?? orNotProvisioned(this.provision(), '1st seed');
  }

  /** Steps 1 to 3. @returns the id of the new current seed */
  private provision(): Promise<string> {
    return this.#provisioning.run(async () => {
      const { information } = await askAnew(
        () => this.ask(),
        ({ reason }) => reason === 'FIRST_SEED_REVOKED',
        () => this.forgetRequest(),
      );
      if (information?.$case !== 'firstSeed') throw new CpnsError('FIELD_MISSING', 'the Server sent no 1st seed');
      const grant = information.value;
      const record: FirstSeedRecord = {
        firstSeedId: checkFirstSeedId(grant.firstSeedId, 'first_seed_id'),
        seed: new FirstSeed(fields.secret(grant.firstSeed, 'first_seed')),
        assignUntil: fields.time(grant.assignUntil, 'assign_until'),
        registerUntil: fields.time(grant.registerUntil, 'register_until'),
        maxEntities: grant.maxEntities,
        revoked: false,
        receivedAt: this.clock.now(),
        assigned: 0,
      };
      await withinStep({ flow: 'EUK-GW-S', step: 3 }, () => this.keep(record));
      emitStep({
        flow: 'EUK-GW-S',
        step: 3,
        from: this.server.uri,
        to: this.own.uri,
        carried: ['first_seed_id', 'first_seed', 'assign_until', 'register_until', 'max_entities'],
      });
      return record.firstSeedId;
    });
  }

  private async ask() {
    const requestId = await withinStep({ flow: 'EUK-GW-S', step: 1 }, () => this.pendingRequest());
    return this.server.entityUserKey.provisionGateway({ information: { $case: 'firstSeed', value: { requestId } } });
  }

  private forgetRequest(): Promise<void> {
    return this.records.transact(PROVISIONING_AGGREGATE, { pending: at(SEED_REQUEST) }, () => ({
      result: undefined,
      put: { pending: null },
    }));
  }

  private pendingRequest(): Promise<Buffer> {
    const requestId = this.random.bytes(NONCE_BYTES);
    return this.records.transact(PROVISIONING_AGGREGATE, { pending: at(SEED_REQUEST) }, ({ pending }) =>
      pending === undefined ? { result: requestId, put: { pending: { requestId } } } : { result: pending.requestId },
    );
  }

  /** The seed first, then what points to it: after a crash in between the same request brings the same seed again. */
  private async keep(record: FirstSeedRecord): Promise<void> {
    await this.records.transact(firstSeedAggregate(record.firstSeedId), { found: at(FIRST_SEED) }, ({ found }) =>
      found === undefined
        ? { result: undefined, put: { found: expiring(record, record.registerUntil) } }
        : { result: undefined },
    );
    await this.point(record.firstSeedId, { pending: null });
  }

  /** New keys are derived from this one. */
  private async point(firstSeedId: string, request: { readonly pending?: null }): Promise<void> {
    const stamp = await this.inForce.stamp();
    const wanted = { current: at(CURRENT_SEED), pending: at(SEED_REQUEST) };
    await this.records.transact(PROVISIONING_AGGREGATE, wanted, () => ({
      result: undefined,
      put: { current: { firstSeedId, ...stamp }, ...request },
    }));
  }
}
