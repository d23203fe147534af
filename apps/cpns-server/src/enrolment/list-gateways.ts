import type { Gateway, GetGatewayRequest, ListGatewaysRequest } from '@cpns/contracts';
import { CpnsError, parseEntityUri } from '@cpns/core';
import { at } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { GatewayLog } from '../gateway-log/gateway-log';
import {
  FIRST_SEED,
  firstSeedName,
  GATEWAY_CA,
  gatewayCaName,
  GatewayRecords,
  IDENTITY,
  isInForce,
  PROVISIONED,
  type FirstSeedRecord,
  type GatewayCaRecord,
  type ProvisionedItem,
} from '../gateways/records';

/** What an operator may see of gateways: everything but their seeds. */
@Injectable()
export class ListGateways {
  constructor(
    private readonly gateways: GatewayRecords,
    private readonly log: GatewayLog,
  ) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async get(request: GetGatewayRequest): Promise<Gateway> {
    const gateway = await this.describe(parseEntityUri(request.entity, 'entity').uri);
    if (gateway === undefined) throw new CpnsError('NOT_FOUND', 'no gateway of that name has enrolled');
    return gateway;
  }

  /** @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  async list(request: ListGatewaysRequest): Promise<{ gateways: Gateway[]; nextPageToken: string }> {
    const { items, next } = await this.gateways.list(request);
    const gateways = await Promise.all(items.map((entity) => this.describe(entity)));
    return { gateways: gateways.filter((gateway) => gateway !== undefined), nextPageToken: next };
  }

  private async describe(entity: string): Promise<Gateway | undefined> {
    const head = { identity: at(IDENTITY), provisioned: at(PROVISIONED) };
    const { identity, provisioned } = await this.gateways.read(entity, head);
    if (identity === undefined) return undefined;
    const [seeds, cas, log] = await Promise.all([
      this.gateways.read(
        entity,
        named(provisioned?.firstSeeds, (id) => at(FIRST_SEED, firstSeedName(id))),
      ),
      this.gateways.read(
        entity,
        named(provisioned?.cas, (digest) => at(GATEWAY_CA, gatewayCaName(digest))),
      ),
      this.log.of(entity).read(0n, 1),
    ]);
    return {
      entity,
      enrolledAt: BigInt(identity.enrolledAt),
      certificateNotAfter: BigInt(identity.notAfter),
      revoked: identity.state === 'revoked',
      certificateDigest: identity.certificateDigest,
      retireAt: BigInt(identity.retireAt ?? 0),
      firstSeeds: Object.values(seeds)
        .filter((seed) => seed !== undefined)
        .map((seed) => seedInfo(seed, isInForce(identity, seed.life))),
      cas: Object.entries(cas).flatMap(([digest, ca]) =>
        ca === undefined ? [] : [caInfo(digest, ca, isInForce(identity, ca.life))],
      ),
      undelivered: log.last - log.trimmedTo,
    };
  }
}

const named = <T>(items: readonly ProvisionedItem[] | undefined, refer: (id: string) => T): Record<string, T> =>
  Object.fromEntries((items ?? []).map(({ id }) => [id, refer(id)]));

const seedInfo = (
  { firstSeedId, assignUntil, registerUntil, maxEntities, registered, revoked }: FirstSeedRecord,
  isOfThisLife: boolean,
) => ({
  firstSeedId,
  assignUntil: BigInt(assignUntil),
  registerUntil: BigInt(registerUntil),
  maxEntities,
  registeredEntities: registered,
  revoked: revoked || !isOfThisLife,
});

const caInfo = (digest: string, { notAfter, revoked }: GatewayCaRecord, isOfThisLife: boolean) => ({
  certificateDigest: Buffer.from(digest, 'hex'),
  notAfter: BigInt(notAfter),
  revoked: revoked || !isOfThisLife,
});
