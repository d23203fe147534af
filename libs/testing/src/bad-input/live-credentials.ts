/**
 * Certificates that are sound to TLS, and are not the live credential of their entity at its gateway (protocol.md, "The live
 * credential"): of all that any CA issued, only the registered one counts.
 */
import { PnGatewayServiceService } from '@cpns/contracts';
import { EntityUserKey, formatSubject, SECRET_BYTES } from '@cpns/core';
import { randomBytes } from 'node:crypto';
import { minted } from './credentials';
import { CAPABILITIES, certificateHolder, REPORTING, withOwnProof, type Holder } from './holders';
import { row, type Shown } from './row';
import { assignCertificate, type KeyRow } from './stages';
import type { WireTls } from './wire';
import type { CastWorld } from './world';

const AT = 'gateway certificate';
const ITEM = 'a credential that is not the live one';
const { reportCapabilities } = PnGatewayServiceService;

/** Its own proof is as good as its S: the gateway judges the certificate before it. */
interface ShownHolder extends Holder {
  readonly tls: WireTls;
}
const report = (world: CastWorld, { tls, ...holder }: ShownHolder) =>
  world.wireAs(AT, tls).call(reportCapabilities, CAPABILITIES, { metadata: withOwnProof(world, holder, REPORTING) });

const WISH = { assigner: 'server' } as const;

/** The live one is accepted, then another is shown, and the live one again. */
const beside = (
  shown: Shown,
  other: (world: CastWorld, victim: ShownHolder) => Promise<WireTls>,
  secretOf = (victim: ShownHolder) => victim.secret,
): KeyRow =>
  row(shown, AT, async (world) => {
    const victim = await certificateHolder(world, WISH);
    const forged = { entity: victim.entity, secret: secretOf(victim), tls: await other(world, victim) };
    const good = () => report(world, victim);
    return { good, bad: () => report(world, forged), after: good };
  });

const byGatewayCa = beside(
  ['certificate of the entity by the CA of another gateway', ITEM, 'KEY_UNKNOWN'],
  async ({ probe }, { entity }) =>
    (await minted(probe.ca, { profile: 'target-entity', uri: formatSubject(entity, '') })).tls,
  () => new EntityUserKey(randomBytes(SECRET_BYTES)),
);

const assignedOnly = beside(
  ['certificate that was assigned to the entity and not registered', ITEM, 'KEY_UNKNOWN'],
  async (world, { entity }) =>
    (await assignCertificate(world, await world.admit({ ...WISH, form: 'key-pair', entity }))).tls,
);

const unregistered = row<CastWorld>(
  ['certificate of an entity that registered none', ITEM, 'KEY_UNKNOWN'],
  AT,
  async (world) => {
    const { entity } = await world.admit({ ...WISH, form: 'key-pair' });
    const { tls } = await minted(world.probe.ca, { profile: 'target-entity', uri: formatSubject(entity, '') });
    const good = await certificateHolder(world, WISH);
    return { good: () => report(world, good), bad: () => report(world, { ...good, entity, tls }) };
  },
);

const replaced = row<CastWorld>(['certificate whose place another took', ITEM, 'KEY_UNKNOWN'], AT, async (world) => {
  const old = await certificateHolder(world, WISH);
  let young: ShownHolder | undefined;
  return {
    good: async () => {
      await report(world, old);
      young = await certificateHolder(world, { ...WISH, entity: old.entity });
    },
    bad: () => report(world, old),
    after: () => report(world, young ?? old),
  };
});

const revoked = row<CastWorld>(['certificate whose key was revoked', ITEM, 'KEY_REVOKED'], AT, async (world) => {
  const [holder, other] = [await certificateHolder(world, WISH), await certificateHolder(world, WISH)];
  return {
    good: async () => {
      await report(world, holder);
      await world.operator.revokeKey(holder.entity);
      await world.delivered();
    },
    bad: () => report(world, holder),
    after: () => report(world, other),
  };
});

export const LIVE_CREDENTIAL_ROWS: readonly KeyRow[] = [byGatewayCa, assignedOnly, unregistered, replaced, revoked];
