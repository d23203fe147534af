/**
 * What a gateway and a store can no longer do: act for entities whose request it does not have (row A3), go on in the life
 * that a revocation ended (A6), hide that a member was removed (A7), or take twice, or by another name, what is refused (A9).
 */
import { GroupKeyDeliveryServiceService, MembershipServiceService, PnGatewayServiceService } from '@cpns/contracts';
import { FirstSeed } from '@cpns/core';
import { receiverWire } from '@cpns/delivery';
import { dump } from '@cpns/store/testing';
import { admitLocally, lookIntoStore, waitUntil, type LocalDevice } from '@cpns/testing';
import { flipped, freshNonce, sealSecretRegistration, type TestGateway } from '@cpns/testing/bad-input';
import { randomBytes } from 'node:crypto';
import { reasonOf, REPLICAS, Replicas } from './replicas';

const HOME = { pn: 'home', id: 'gw' };
const GATEWAY = `${HOME.pn}/${HOME.id}`;
const SOON = { withinMs: 20_000 };

jest.setTimeout(180_000);
const world = new Replicas();
beforeAll(() => world.start(HOME));
afterAll(async () => {
  for (const local of devices) await local.close();
  await world.stop();
});

const devices: LocalDevice[] = [];
/** A device of this process with a live key of the gateway. */
async function device(): Promise<LocalDevice & { readonly entity: string }> {
  const { deployment } = world;
  const entity = world.entityOf(deployment.uri(GATEWAY));
  const admission = { entity, form: 'secret', assigner: GATEWAY, gateway: GATEWAY } as const;
  const { local, oneTimeString } = await admitLocally(deployment, admission);
  devices.push(local);
  return Object.assign(await local.enrol(oneTimeString, 10_000), { entity });
}
const pulling = (local: LocalDevice) => reasonOf(local.ask('no-such-group', 0n));
const isLetIn = (local: LocalDevice) => waitUntil('the row', async () => (await pulling(local)) === 'NOT_FOUND', SOON);

describe.each(REPLICAS)('a gateway without the request of a member, at replica %s (A3)', (replica) => {
  it('makes it neither leave nor join, and the member itself does', async () => {
    const member = await device();
    const groupId = `open-${replica}`;
    const { groups } = world.deployment.operator;
    await groups.createGroup({ groupId, delivery: 'pull', openToJoin: true, members: [member.entity] });
    const other = await world.beside({ uri: world.deployment.uri(GATEWAY) });
    const smf = world.connect('smf', replica, other.tls).client(MembershipServiceService);
    const { entity } = member;
    const entityRequest = Buffer.from(PnGatewayServiceService.leaveServiceGroup.requestSerialize({ groupId }));
    const none = { groupId, entity, entityRequest, entityProof: Buffer.alloc(0) };
    expect(await reasonOf(smf.leaveServiceGroup(none))).toBe('PROOF_MISSING');
    expect(await reasonOf(smf.joinServiceGroup(none))).toBe('PROOF_MISSING');
    expect((await groups.getGroup(groupId)).members).toEqual([entity]);
    await member.groups.leave(groupId);
    expect((await groups.getGroup(groupId)).members).toEqual([]);
    await member.groups.join(groupId);
  });
});

describe('a gateway that was revoked and admitted again (A6)', () => {
  it('begins anew: new keys are good, those of its first life stay ended', async () => {
    const first = await device();
    await isLetIn(first);
    const { deployment } = world;
    await world.revoke(deployment.uri(GATEWAY), 'b');
    const refused = async () => (await deployment.health(GATEWAY).catch(() => 'NOT_SERVING')) === 'NOT_SERVING';
    await waitUntil('the gateway to say that it is refused', refused, SOON);
    await deployment.readmitGateway(GATEWAY);
    const second = await device();
    await isLetIn(second);
    await waitUntil('the end of the first', async () => (await pulling(first)).startsWith('KEY_'), SOON);
  });

  it('keeps its life, and its devices’ keys, where it was not revoked before', async () => {
    const before = await device();
    await isLetIn(before);
    await world.deployment.readmitGateway(GATEWAY);
    await isLetIn(before);
    await isLetIn(await device());
  });
});

describe('a member that was removed, whose entry in SMF’s store is taken out (A7)', () => {
  it('does not join, and who is in a good group does', async () => {
    const [removed, stays] = [await device(), await device()];
    const { groups } = world.deployment.operator;
    for (const groupId of ['robbed', 'whole']) {
      const members = [removed.entity, stays.entity];
      await groups.createGroup({ groupId, delivery: 'pull', openToJoin: true, members });
      await groups.removeMembers(groupId, [removed.entity]);
    }
    await lookIntoStore(world.deployment.storeUrl('smf'), async (store) => {
      const { records } = (await dump(store))['service-group/robbed']!;
      const names = Object.keys(records).filter((name) => name.startsWith('standings.'));
      const expect = names.map((name) => ({ name, revision: BigInt(records[name]!.revision) }));
      await store.commit({ kind: 'service-group', id: 'robbed' }, { expect, delete: names });
    });
    expect(await reasonOf(removed.groups.join('whole'))).toBe('JOIN_NOT_PERMITTED');
    expect(await reasonOf(removed.groups.join('robbed'))).toBe('STORED_RECORD_INVALID');
    const newcomer = await device();
    await newcomer.groups.join('whole');
  });
});

describe('small things (A9)', () => {
  /** A registration of a key that a gateway derived from a 1st seed which it holds by this name. */
  async function registrationBy(gateway: TestGateway, firstSeedId: string, seed: FirstSeed) {
    const token = await world.admit(gateway, 'secret');
    const { terms, secondSeed, secret } = gateway.deriveKey(token.entity, '', Date.now() + 3_600_000, {
      firstSeedId,
      seed,
    });
    return sealSecretRegistration({
      terms: { ...terms, tokenId: token.tokenId, secondSeed, nonce: freshNonce() },
      secret,
    });
  }

  it.each(['__proto__', 'an-honest-name'])(
    'a 1st seed that is called %s ends when it is revoked',
    async (firstSeedId) => {
      const gateway = await world.gateway();
      const { enrolment } = world.deployment.operator;
      const bytes = randomBytes(32);
      const until = BigInt(Date.now() + 3_600_000);
      const limits = { assignUntil: until, registerUntil: until, maxEntities: 10 };
      await enrolment.importFirstSeed({ firstSeedId, gateway: gateway.uri, firstSeed: bytes, ...limits });
      const [good, late] = [
        await registrationBy(gateway, firstSeedId, new FirstSeed(bytes)),
        await registrationBy(gateway, firstSeedId, new FirstSeed(bytes)),
      ];
      expect(await world.register(good, gateway, 'a')).toBe('accepted');
      await enrolment.revokeFirstSeed({ firstSeedId, gateway: gateway.uri });
      for (const replica of REPLICAS) expect(await world.register(late, gateway, replica)).toBe('FIRST_SEED_REVOKED');
    },
  );

  it('an opening beyond 2^53 names its field', async () => {
    const gateway = await world.gateway();
    const rpc = world.connect('cpns-server', 'a', gateway.tls).client(GroupKeyDeliveryServiceService);
    const channel = rpc.openDeliveryChannel();
    const position = { sequence: 2n ** 53n, entryId: randomBytes(16) };
    const opening = { position, processId: randomBytes(16), resynchronise: false };
    await channel.write(receiverWire({ kind: 'opening', opening }));
    expect(await reasonOf(channel[Symbol.asyncIterator]().next())).toBe('FIELD_OUT_OF_RANGE');
  });

  it('a key that is all zero, or another entity’s, is not imported', async () => {
    const { operator } = world.deployment;
    const [one, other] = [0, 1].map(() => world.entityOf(world.deployment.uri(GATEWAY)));
    const key = randomBytes(32);
    await operator.importKey(one!, '', key, 3_600_000);
    expect(await reasonOf(operator.importKey(other!, '', key, 3_600_000))).toBe('ALREADY_EXISTS');
    expect(await reasonOf(operator.importKey(other!, '', Buffer.alloc(32), 3_600_000))).toBe('FIELD_OUT_OF_RANGE');
  });

  it('a registration with a wrong MAC is told nothing of its token', async () => {
    const gateway = await world.gateway();
    const good = await world.registration(gateway, 'secret');
    const { registration } = good;
    if (registration?.$case !== 'secret') throw new Error('a secret is registered');
    const value = { ...registration.value, confirmation: flipped(registration.value.confirmation) };
    const wrong = { ...good, registration: { ...registration, value } };
    await world.deployment.operator.revokeAdmission(good.entity, good.tokenId);
    expect(await world.register(wrong, gateway, 'a')).toBe('CONFIRMATION_MAC');
    expect(await world.register(good, gateway, 'a')).toBe('TOKEN_REVOKED');
  });
});
