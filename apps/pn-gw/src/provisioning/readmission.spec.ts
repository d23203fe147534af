/** A gateway goes on with nothing that it got under another identity, or that the Server does not name as being in force. */
import type { OpenDeliveryChannelResponse } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { perTest } from '@cpns/core/testing';
import { sha256 } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { ApplyEntry } from '../gateway-delivery/apply-entry';
import { CAMERA, GatewayWorld } from '../testing/world';
import { FirstSeeds } from './first-seeds';
import { GatewayCa } from './gateway-ca';

const AWAY = new CpnsError('DEPENDENCY_UNAVAILABLE', 'the Server is away');

/** As a snapshot names it. */
type Named = NonNullable<OpenDeliveryChannelResponse['entry']>;
const STAGED = { sequence: 0n, entryId: Buffer.alloc(0), traceparent: '' };

const KINDS = {
  '1st seed': {
    named: (firstSeedId: string): Named => ({
      $case: 'firstSeedImport',
      value: { firstSeedId, assignUntil: 1n, registerUntil: 1n, maxEntities: 1 },
    }),
    inUse: async (world: GatewayWorld) => (await world.module.get(FirstSeeds).use(CAMERA, '')).firstSeedId,
    keep: (world: GatewayWorld) => world.module.get(FirstSeeds).keepProvisioned(),
    revoked: new CpnsError('FIRST_SEED_REVOKED', 'revoked'),
  },
  CA: {
    named: (der: string): Named => ({
      $case: 'gatewayCa',
      value: { certificateDigest: sha256(Buffer.from(der, 'hex')), notAfter: 1n },
    }),
    inUse: async (world: GatewayWorld) => (await world.module.get(GatewayCa).issuer()).chain[0]?.toString('hex'),
    keep: (world: GatewayWorld) => world.module.get(GatewayCa).keepProvisioned(),
    revoked: new CpnsError('CERTIFICATE_REVOKED', 'revoked', { metadata: { certificate: 'ca' } }),
  },
} as const;

describe.each(['1st seed', 'CA'] as const)('its %s', (kind) => {
  const world = perTest(new GatewayWorld());
  const { inUse, keep, revoked, named } = KINDS[kind];
  const snapshot = async (...entries: readonly Named[]) => {
    await world.credentials.beginSnapshot(false);
    for (const entry of entries) await world.module.get(ApplyEntry).execute({ ...STAGED, entry });
    return () => world.credentials.endSnapshot();
  };
  let requests: jest.SpyInstance;
  const requestsSeen = () => requests.mock.calls.map(([request]: unknown[]) => JSON.stringify(request));

  beforeEach(() => {
    world.server.refusal = undefined;
    requests = jest.spyOn(world.server.clients.entityUserKey, 'provisionGateway');
  });

  it('is the same after a restart, and another after an enrolment', async () => {
    const old = await inUse(world);
    await world.restart();
    expect(await inUse(world)).toBe(old);
    world.identity = randomBytes(16);
    await world.restart();
    await keep(world);
    const young = await inUse(world);
    expect(young).not.toBe(old);
    await world.restart();
    expect(await inUse(world)).toBe(young);
    expect(requestsSeen()).toHaveLength(2);
  });

  it('is the same while snapshots name it, and another after one that does not', async () => {
    const old = await inUse(world);
    const end = await snapshot(named(String(old)));
    expect(await inUse(world)).toBe(old);
    await end();
    expect(await inUse(world)).toBe(old);
    const endWithout = await snapshot();
    expect(await inUse(world)).toBe(old);
    await endWithout();
    const young = await inUse(world);
    expect(young).not.toBe(old);
    // one that is void stays so, whatever is said of it later
    await (
      await snapshot(named(String(old)), named(String(young)))
    )();
    expect(await inUse(world)).toBe(young);
    expect(requestsSeen()).toHaveLength(2);
  });

  it('is kept where the gateway got it while a snapshot came', async () => {
    const end = await snapshot();
    const got = await inUse(world);
    await end();
    expect(await inUse(world)).toBe(got);
  });

  it('assigns nothing after an enrolment while the Server is away', async () => {
    await inUse(world);
    world.identity = randomBytes(16);
    await world.restart();
    world.server.refusal = AWAY;
    await expect(inUse(world)).rejects.toMatchObject({ reason: 'GATEWAY_NOT_PROVISIONED' });
    world.server.refusal = undefined;
    await inUse(world);
  });

  it('is asked for anew where what a request under way got was revoked', async () => {
    world.server.refusal = AWAY;
    await expect(keep(world)).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    world.server.refusal = undefined;
    requests.mockRejectedValueOnce(revoked);
    await keep(world);
    const [first, again, anew] = requestsSeen();
    expect(again).toBe(first);
    expect(anew).not.toBe(first);
    expect(await inUse(world)).toBeDefined();
    expect(requestsSeen()).toHaveLength(3);
  });

  it('is not asked for twice of a Server that refuses the gateway itself', async () => {
    requests.mockRejectedValue(new CpnsError('CERTIFICATE_REVOKED', 'the gateway’s own'));
    await expect(keep(world)).rejects.toMatchObject({ reason: 'CERTIFICATE_REVOKED' });
    expect(requestsSeen()).toHaveLength(1);
  });
});
