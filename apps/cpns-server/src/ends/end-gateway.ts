import { at, byName } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { EndedCertificates } from '../certificates/ended-certificates';
import { DELIVERY_CLAIM } from '../gateway-log/gateway-log';
import { dueAssigner, GatewayOutbox } from '../gateway-log/gateway-outbox';
import {
  FIRST_SEED,
  firstSeedName,
  GATEWAY_CA,
  gatewayCaName,
  GatewayRecords,
  IDENTITY,
  lifeOf,
  PROVISIONED,
  type IdentityRecord,
  type ProvisionedItem,
} from '../gateways/records';

/** What a gateway was given to assign with in one life. */
export interface Provision {
  /** First-seed-ids. */
  readonly firstSeeds: readonly string[];
  /** SHA-256 of each CA certificate, in hexadecimal. */
  readonly cas: readonly string[];
}

/** The life that a revocation of the gateway ends, or ended last. */
export const endingLifeOf = (identity: IdentityRecord): bigint =>
  identity.state === 'live' ? lifeOf(identity) : lifeOf(identity) - 1n;

@Injectable()
export class EndGateway {
  constructor(
    private readonly gateways: GatewayRecords,
    private readonly outbox: GatewayOutbox,
    private readonly certificates: EndedCertificates,
  ) {}

  /**
   * With its life ends all that it was given and all that it assigned: no other record has to be found for that.
   * @param gateway E
   * @param isMeant of the identity that is live
   * @returns the life that ended, now or before; undefined where another identity is live
   */
  async end(gateway: string, isMeant: (identity: IdentityRecord) => boolean): Promise<bigint | undefined> {
    const before = await this.gateways.identityOf(gateway);
    if (before === undefined || (before.state === 'live' && !isMeant(before))) return undefined;
    await this.certificates.endIdentity(before);
    const due = before.state === 'live' ? [dueAssigner(lifeOf(before), gateway)] : [];
    const ended = await this.outbox.around(due, () =>
      this.gateways.transact(gateway, { identity: at(IDENTITY), claim: DELIVERY_CLAIM }, ({ identity }) => {
        if (identity?.state !== 'live' || !isMeant(identity)) return { result: identity };
        const { retireAt, ...rest } = identity;
        const revoked = { ...rest, state: 'revoked' as const, life: lifeOf(identity) + 1n };
        return { result: revoked, put: { identity: revoked, claim: null } };
      }),
    );
    if (ended?.state !== 'revoked') return undefined;
    await this.certificates.endIdentity(ended);
    return endingLifeOf(ended);
  }

  /** What it has, or had, of a life; what ended by itself is not there any more. */
  async provisionOf(gateway: string, life: bigint): Promise<Provision> {
    const { provisioned } = await this.gateways.read(gateway, { provisioned: at(PROVISIONED) });
    const { firstSeeds = [], cas = [] } = provisioned ?? {};
    const idOf = ({ id }: ProvisionedItem) => id;
    const seeds = byName(firstSeeds, idOf, ({ id }) => at(FIRST_SEED, firstSeedName(id)));
    const certificates = byName(cas, idOf, ({ id }) => at(GATEWAY_CA, gatewayCaName(id)));
    const [foundSeeds, foundCas] = [
      await this.gateways.read(gateway, seeds),
      await this.gateways.read(gateway, certificates),
    ];
    const ofLife = (found: Readonly<Record<string, { readonly life?: bigint } | undefined>>) =>
      Object.entries(found).flatMap(([id, one]) => (one !== undefined && (one.life ?? 1n) <= life ? [id] : []));
    for (const seed of Object.values(foundSeeds)) seed?.seed.destroy();
    return { firstSeeds: ofLife(foundSeeds), cas: ofLife(foundCas) };
  }
}
