import { Clock, inChunks, parseEntityUri } from '@cpns/core';
import { CredentialState } from '@cpns/contracts';
import { at, byName } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { GroupIndex } from '../cskmf/group-index';
import { Credentials } from '../entities/credentials';
import { EntityIndex } from '../entities/entity-index';
import { ADMISSION, admissionName, EntityRecords } from '../entities/records';
import {
  FIRST_SEED,
  firstSeedName,
  GATEWAY_CA,
  gatewayCaName,
  GatewayRecords,
  isInForce,
  PROVISIONED,
  type IdentityRecord,
  type ProvisionedItem,
} from '../gateways/records';
import { DeliveryMessages, firstSeedImport, tokenGrant, type DeliveryEntry } from './delivery-messages';

/** Entities that are looked at at a time: each is an aggregate of its own. */
const AT_ONCE = 64;

/** All that a gateway is to know: what is not named is void there. Made as it is sent, page by page. */
@Injectable()
export class Snapshot {
  constructor(
    private readonly entities: EntityRecords,
    private readonly index: EntityIndex,
    private readonly credentials: Credentials,
    private readonly gateways: GatewayRecords,
    private readonly groups: GroupIndex,
    private readonly messages: DeliveryMessages,
    private readonly clock: Clock,
  ) {}

  /** @param gateway E @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE, PAGE_TOKEN_INVALID */
  async *of(gateway: string): AsyncGenerator<DeliveryEntry> {
    const { pnId } = parseEntityUri(gateway);
    const identity = await this.gateways.identityOf(gateway);
    for (const entry of await this.provisioned(gateway, identity)) yield entry;
    for await (const page of this.index.of(pnId))
      for (const some of inChunks(page, AT_ONCE))
        for (const entries of await Promise.all(some.map((entity) => this.ofEntity(entity, gateway, identity))))
          yield* entries;
    for await (const page of this.groups.of(pnId))
      for (const groupId of page) yield* this.messages.groupKeysInUse(gateway, groupId);
  }

  /** What the gateway may assign with. */
  private async provisioned(gateway: string, identity: IdentityRecord | undefined): Promise<DeliveryEntry[]> {
    const { provisioned } = await this.gateways.read(gateway, { provisioned: at(PROVISIONED) });
    const { firstSeeds = [], cas = [] } = provisioned ?? {};
    const idOf = (item: ProvisionedItem) => item.id;
    const wantedSeeds = byName(firstSeeds, idOf, ({ id }) => at(FIRST_SEED, firstSeedName(id)));
    const wantedCas = byName(cas, idOf, ({ id }) => at(GATEWAY_CA, gatewayCaName(id)));
    const seeds = Object.values(await this.gateways.read(gateway, wantedSeeds));
    const isGood = (one: { readonly revoked: boolean; readonly life?: bigint } | undefined) =>
      one !== undefined && !one.revoked && isInForce(identity, one.life);
    const entries: DeliveryEntry[] = [];
    for (const seed of seeds) {
      seed?.seed.destroy();
      if (seed !== undefined && isGood(seed)) entries.push(firstSeedImport(seed));
    }
    for (const [digest, ca] of Object.entries(await this.gateways.read(gateway, wantedCas)))
      if (ca !== undefined && isGood(ca)) {
        const value = { certificateDigest: Buffer.from(digest, 'hex'), notAfter: BigInt(ca.notAfter) };
        entries.push({ $case: 'gatewayCa', value });
      }
    return entries;
  }

  /** The credential of an entity, an ended one until it would have ended by itself, and its tokens of this gateway. */
  private async ofEntity(uri: string, gateway: string, identity: IdentityRecord | undefined): Promise<DeliveryEntry[]> {
    const name = parseEntityUri(uri);
    const now = this.clock.now();
    const { credential: value, tokenIds } = await this.credentials.withTokens(name);
    const isNamed =
      value !== undefined && (value.state !== CredentialState.CREDENTIAL_STATE_ENDED || Number(value.notAfter) > now);
    const wanted = byName(tokenIds, (id) => id, (id) => at(ADMISSION, admissionName(id))); // prettier-ignore
    const admissions = Object.values(await this.entities.read(name, wanted));
    const grants = admissions.flatMap((admission) => {
      const isOfLife = admission !== undefined && isInForce(identity, admission.assignerLife);
      const grant = isOfLife ? tokenGrant(admission, gateway, now) : undefined;
      return grant === undefined ? [] : [grant];
    });
    return [...(isNamed ? [{ $case: 'credential' as const, value }] : []), ...grants];
  }
}
