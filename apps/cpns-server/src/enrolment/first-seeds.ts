/** 1st seeds that an operator imports (Q2) and ends. */
import { fields, type ImportFirstSeedRequest, type RevokeFirstSeedRequest } from '@cpns/contracts';
import { checkFirstSeedId, Clock, CpnsError, failedPrecondition, FirstSeed, parseEntityUri } from '@cpns/core';
import { checkFirstSeedLimits } from '@cpns/entity-user-key';
import { at, expiring, type Decision, type Found } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { GatewayLog } from '../gateway-log/gateway-log';
import {
  FIRST_SEED,
  firstSeedName,
  GatewayRecords,
  IDENTITY,
  isInForce,
  lifeOf,
  PROVISIONED,
  withFirstSeed,
  type FirstSeedRecord,
} from '../gateways/records';
import { ImportedSecrets } from './imported-secrets';

@Injectable()
export class FirstSeeds {
  constructor(
    private readonly gateways: GatewayRecords,
    private readonly log: GatewayLog,
    private readonly secrets: ImportedSecrets,
    private readonly clock: Clock,
  ) {}

  /**
   * One that was put into a gateway at manufacture. The gateway is told that it may use it, not what it is.
   * @throws CpnsError a field's reason; GATEWAY_NOT_PROVISIONED when it has not enrolled; ALREADY_EXISTS for another seed
   *   of that id, and for one that is another's
   */
  async import(request: ImportFirstSeedRequest): Promise<void> {
    const gateway = parseEntityUri(request.gateway, 'gateway');
    const firstSeedId = checkFirstSeedId(request.firstSeedId, 'first_seed_id');
    const seed = new FirstSeed(fields.importedSecret(request.firstSeed, 'first_seed'));
    const limits = {
      assignUntil: fields.time(request.assignUntil, 'assign_until'),
      registerUntil: fields.time(request.registerUntil, 'register_until'),
      maxEntities: request.maxEntities,
    };
    checkFirstSeedLimits(limits, this.clock.now());
    const imported: FirstSeedRecord = { firstSeedId, seed, ...limits, revoked: false, registered: 0 };
    const entry = this.log.entry(gateway.uri, { kind: 'seed', name: firstSeedId }, 'imported');
    const wanted = {
      identity: at(IDENTITY),
      provisioned: at(PROVISIONED),
      found: at(FIRST_SEED, firstSeedName(firstSeedId)),
    };
    const decide = ({ identity, provisioned, found }: Found<typeof wanted>): Decision<typeof wanted, void> => {
      if (identity?.state !== 'live')
        throw failedPrecondition('GATEWAY_NOT_PROVISIONED', 'the gateway has not enrolled');
      const life = lifeOf(identity);
      if (found !== undefined && (found.revoked || !isInForce(identity, found.life)))
        throw failedPrecondition('FIRST_SEED_REVOKED', 'the 1st seed of that id was revoked');
      if (found !== undefined && isSame(found, imported)) return { result: undefined };
      if (found !== undefined) throw new CpnsError('ALREADY_EXISTS', 'the gateway has another 1st seed of that id');
      const next = withFirstSeed(provisioned, { id: firstSeedId, until: imported.registerUntil }, this.clock.now());
      return {
        result: undefined,
        put: { found: expiring({ ...imported, life }, imported.registerUntil), provisioned: next },
        append: [entry],
      };
    };
    const seen = await this.gateways.snapshot(gateway.uri, wanted);
    // what is refused here claims nothing
    decide(seen.found);
    await this.secrets.claim(seed, { owner: `${gateway.uri} ${firstSeedId}`, until: limits.registerUntil });
    await this.gateways.transact(gateway.uri, wanted, decide, seen);
  }

  /**
   * Ends a 1st seed: nothing derived from it registers any more, and the gateway, which hears of it, destroys its own.
   * @throws CpnsError a field's reason; NOT_FOUND
   */
  async revoke(request: RevokeFirstSeedRequest): Promise<void> {
    const gateway = parseEntityUri(request.gateway, 'gateway');
    const firstSeedId = checkFirstSeedId(request.firstSeedId, 'first_seed_id');
    const entry = this.log.entry(gateway.uri, { kind: 'seed', name: firstSeedId }, 'revoked');
    const wanted = { seed: at(FIRST_SEED, firstSeedName(firstSeedId)) };
    await this.gateways.transact(gateway.uri, wanted, ({ seed }) => {
      if (seed === undefined) throw new CpnsError('NOT_FOUND', 'the gateway has no such 1st seed');
      if (seed.revoked) return { result: undefined };
      const next = expiring({ ...seed, revoked: true }, seed.registerUntil);
      return { result: undefined, put: { seed: next }, append: [entry] };
    });
  }
}

const isSame = (a: FirstSeedRecord, b: FirstSeedRecord): boolean =>
  a.seed.equals(b.seed) &&
  a.assignUntil === b.assignUntil &&
  a.registerUntil === b.registerUntil &&
  a.maxEntities === b.maxEntities;
