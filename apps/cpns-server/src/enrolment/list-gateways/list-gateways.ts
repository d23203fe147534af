import type { Gateway, GetGatewayRequest, ListGatewaysRequest } from '@cpns/contracts';
import { CpnsError, parseEntityUri } from '@cpns/core';
import { at, listPage } from '@cpns/store';
import type { ServerContext } from '../../context';
import {
  DELIVERY_LOG,
  FIRST_SEED,
  firstSeedName,
  GATEWAY_CA,
  GATEWAY_KIND,
  gatewayAggregate,
  gatewayCaName,
  IDENTITY,
  PROVISIONED,
  type FirstSeedRecord,
  type GatewayCaRecord,
  type ProvisionedItem,
} from '../../records/gateway-records';

/** What an operator may see of gateways: everything but their seeds. */
export class ListGateways {
  constructor(private readonly server: ServerContext) {}

  /** @throws CpnsError a field's reason; NOT_FOUND */
  async get(request: GetGatewayRequest): Promise<Gateway> {
    const gateway = await this.describe(parseEntityUri(request.entity, 'entity').uri);
    if (gateway === undefined) throw new CpnsError('NOT_FOUND', 'no gateway of that name has enrolled');
    return gateway;
  }

  /** @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  async list(request: ListGatewaysRequest): Promise<{ gateways: Gateway[]; nextPageToken: string }> {
    const { items, next } = await listPage(this.server.store, GATEWAY_KIND, request);
    const gateways = await Promise.all(items.map((entity) => this.describe(entity)));
    return { gateways: gateways.filter((gateway) => gateway !== undefined), nextPageToken: next };
  }

  private async describe(entity: string): Promise<Gateway | undefined> {
    const aggregate = gatewayAggregate(entity);
    const head = { identity: at(IDENTITY), provisioned: at(PROVISIONED) };
    const { identity, provisioned } = await this.server.records.read(aggregate, head);
    if (identity === undefined) return undefined;
    const [seeds, cas, log] = await Promise.all([
      this.server.records.read(
        aggregate,
        named(provisioned?.firstSeeds, (id) => at(FIRST_SEED, firstSeedName(id))),
      ),
      this.server.records.read(
        aggregate,
        named(provisioned?.cas, (digest) => at(GATEWAY_CA, gatewayCaName(digest))),
      ),
      this.server.store.readLog(aggregate, DELIVERY_LOG, 0n, 1),
    ]);
    return {
      entity,
      enrolledAt: BigInt(identity.enrolledAt),
      certificateNotAfter: BigInt(identity.notAfter),
      revoked: identity.state === 'revoked',
      certificateDigest: identity.certificateDigest,
      firstSeeds: Object.values(seeds)
        .filter((seed) => seed !== undefined)
        .map(seedInfo),
      cas: Object.entries(cas).flatMap(([digest, ca]) => (ca === undefined ? [] : [caInfo(digest, ca)])),
      undelivered: log.last - log.trimmedTo,
    };
  }
}

const named = <T>(items: readonly ProvisionedItem[] | undefined, refer: (id: string) => T): Record<string, T> =>
  Object.fromEntries((items ?? []).map(({ id }) => [id, refer(id)]));

const seedInfo = ({ firstSeedId, assignUntil, registerUntil, maxEntities, registered, revoked }: FirstSeedRecord) => ({
  firstSeedId,
  assignUntil: BigInt(assignUntil),
  registerUntil: BigInt(registerUntil),
  maxEntities,
  registeredEntities: registered,
  revoked,
});

const caInfo = (digest: string, { notAfter, revoked }: GatewayCaRecord) => ({
  certificateDigest: Buffer.from(digest, 'hex'),
  notAfter: BigInt(notAfter),
  revoked,
});
