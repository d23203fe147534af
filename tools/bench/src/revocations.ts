/**
 * How long an end takes with all that follows: of an entity in 100 groups, until it is answered and until the last of 100
 * gateways has acknowledged the new version of its group; of a gateway, with the 1,000 entities whose keys it assigned. Beside
 * each stands the same work asked for piece by piece.
 */
import { EntityUserKeyServiceService, RevocationKind } from '@cpns/contracts';
import { duration, FirstSeed, NONCE_BYTES, systemRandom } from '@cpns/core';
import { connectTo, type ClientMethods } from '@cpns/grpc';
import { deriveEntityUserKey, deriveSecondSeed, parseOneTimeString } from '@cpns/key-derivation';
import { prepareAssignment, prepareRegistration, registrationRequest } from '@cpns/pne-sdk';
import { enrolGateway, waitUntil, type Deployment } from '@cpns/testing';
import type { Comparison } from './compare';
import { concurrently } from './concurrently';
import { GATEWAYS, homeOf, makeMembers, type GroupScene } from './group-scene';

const AT_ONCE = 8;
const ENTITIES = 1_000;
const GROUPS_OF_MANY = 10;
const PATIENT = { withinMs: 300_000, everyMs: 50 };
const DEADLINE_MS = 120_000;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const row = (name: string, unit: string, ours: number, baseline: number): Comparison => ({
  name,
  unit,
  ours,
  baseline,
  ratio: ours / baseline,
});

/** Until nothing is left of an end, here and at any gateway. */
const reached = (deployment: Deployment, entity: string): Promise<unknown> =>
  waitUntil(
    'all that follows from an end',
    async () => {
      const report = await deployment.operator.end({ entity }, DEADLINE_MS);
      return report.complete && report.gatewaysWaiting?.count === 0;
    },
    PATIENT,
  );

/** In group n are the one whose right ends, and a member behind gateway n. */
async function inGroups({ deployment }: GroupScene, name: string, entity: string): Promise<readonly string[]> {
  const { groups } = deployment.operator;
  const groupIds = Array.from({ length: GATEWAYS }, (_, n) => `${name}-${n + 1}`);
  await concurrently(groupIds, AT_ONCE, async (groupId) => {
    const home = homeOf(Number(groupId.split('-').at(-1)));
    const members = [entity, deployment.entity(home, 'pne', `${name}-stays`)];
    await groups.createGroup({ groupId, delivery: 'push', members });
  });
  return groupIds;
}

async function entityInGroups(scene: GroupScene): Promise<Comparison[]> {
  const { deployment, gateways, storeName, onProgress } = scene;
  const { groups } = deployment.operator;
  const entityOf = (name: string) => deployment.entity(homeOf(1), 'pne', name);
  const stays = (name: string) =>
    Array.from({ length: GATEWAYS }, (_, n) => deployment.entity(homeOf(n + 1), 'pne', `${name}-stays`));
  for (const name of ['removed', 'revoked']) await makeMembers(deployment, [entityOf(name), ...stays(name)]);
  const channels = gateways.flatMap((gateway) => [
    gateway.holdDeliveries(gateway.connect('cpns-server'), () => undefined),
    gateway.holdNotices(gateway.connect('smf')),
  ]);
  // they end when the gateways are closed
  for (const channel of channels) channel.catch(() => undefined);

  const removed = await inGroups(scene, 'removed', entityOf('removed'));
  const byHand = await timed(() =>
    concurrently(removed, AT_ONCE, (groupId) => groups.removeMembers(groupId, [entityOf('removed')])),
  );
  await inGroups(scene, 'revoked', entityOf('revoked'));
  const entity = entityOf('revoked');
  const began = performance.now();
  const report = await deployment.operator.end({ entity }, DEADLINE_MS);
  const answered = performance.now() - began;
  await reached(deployment, entity);
  const acknowledged = performance.now() - began;
  onProgress(
    `${storeName}: an entity in ${report.groups?.count ?? 0} groups: answered after ${answered.toFixed(0)} ms, ` +
      `complete ${report.complete}; ${GATEWAYS} gateways have acknowledged after ${acknowledged.toFixed(0)} ms`,
  );
  const baseline = `ms (baseline: ${GATEWAYS} RemoveMembers, ${AT_ONCE} at a time)`;
  return [
    row(`revocation of an entity in ${GATEWAYS} groups until it is answered, ${storeName}`, baseline, answered, byHand),
    row(`the same until ${GATEWAYS} gateways acknowledged, ${storeName}`, baseline, acknowledged, byHand),
  ];
}

/** A PN GW without a process that was provisioned with a 1st seed. */
async function assigningGateway(deployment: Deployment) {
  const { uri, tls } = await enrolGateway(deployment, { pn: 'many', id: 'gw' });
  const address = deployment.address('cpns-server', 'certificate');
  const connection = connectTo({ address, expectedPeer: deployment.uri('cpns-server'), tls, deadlineMs: DEADLINE_MS });
  const server: ClientMethods<typeof EntityUserKeyServiceService> = connection.client(EntityUserKeyServiceService);
  const value = { requestId: systemRandom.bytes(NONCE_BYTES) };
  const { information } = await server.provisionGateway({ information: { $case: 'firstSeed', value } });
  if (information?.$case !== 'firstSeed') throw new Error('the Server gave no 1st seed');
  const { firstSeedId, firstSeed } = information.value;
  return { uri, server, firstSeedId, seed: new FirstSeed(firstSeed), close: () => connection.close() };
}
type AssigningGateway = Awaited<ReturnType<typeof assigningGateway>>;

/** Assigns an entity a key of the 1st seed, and registers it. @returns E */
async function register(deployment: Deployment, gateway: AssigningGateway, id: string): Promise<string> {
  const { uri, server, firstSeedId, seed } = gateway;
  const entity = deployment.entity('many', 'pne', id);
  const peer = { uri, address: '127.0.0.1:1' };
  const admission = { entity, form: 'secret', assigner: uri, peer, waitUntilDelivered: false } as const;
  const oneTime = parseOneTimeString((await deployment.operator.admit(admission)).oneTimeString);
  const { admitted } = await prepareAssignment(oneTime, deployment.pki.rootDer, systemRandom);
  const notAfter = Date.now() + duration(1, 'hour');
  const terms = { firstSeedId, gateway: uri, entity, user: '', notAfter };
  const secondSeed = deriveSecondSeed(seed, systemRandom.bytes(NONCE_BYTES), terms);
  const secret = deriveEntityUserKey(seed, secondSeed, terms);
  const assigned = { form: 'secret', assigner: uri, notAfter, secret, seed: { firstSeedId, secondSeed } } as const;
  const pending = await prepareRegistration(admitted, assigned, systemRandom);
  await server.registerEntityUserKey({ request: registrationRequest(admitted, assigned, pending) });
  return entity;
}

async function gatewayWithMany({ deployment, storeName, onProgress }: GroupScene): Promise<Comparison> {
  const gateway = await assigningGateway(deployment);
  try {
    const entities: string[] = [];
    const numbers = Array.from({ length: ENTITIES }, (_, n) => n);
    const registrations = await timed(() =>
      concurrently(numbers, AT_ONCE, async (n) => {
        entities.push(await register(deployment, gateway, `many-${n}`));
      }),
    );
    const [stays = ''] = await makeMembers(deployment, [deployment.entity(homeOf(1), 'pne', 'many-stays')]);
    const size = ENTITIES / GROUPS_OF_MANY;
    for (let n = 0; n < GROUPS_OF_MANY; n += 1) {
      const members = [stays, ...entities.slice(n * size, (n + 1) * size)];
      await deployment.operator.groups.createGroup({ groupId: `many-${n}`, delivery: 'pull', members });
    }
    const entity = gateway.uri;
    const kind = RevocationKind.REVOCATION_KIND_REVOKE;
    const began = performance.now();
    const report = await deployment.operator.end({ entity, kind }, DEADLINE_MS);
    const answered = performance.now() - began;
    await waitUntil(
      'all that follows',
      async () => (await deployment.operator.end({ entity }, DEADLINE_MS)).complete,
      PATIENT,
    );
    const complete = performance.now() - began;
    onProgress(
      `${storeName}: a gateway with ${ENTITIES} entities in ${GROUPS_OF_MANY} groups: answered after ${answered.toFixed(0)} ms, ` +
        `${report.entities?.count ?? 0} entities by then; complete after ${complete.toFixed(0)} ms`,
    );
    const baseline = `ms (baseline: as many registrations, ${AT_ONCE} at a time)`;
    const name = `revocation of a gateway with ${ENTITIES} entities until it is complete, ${storeName}`;
    return row(name, baseline, complete, registrations);
  } finally {
    gateway.close();
  }
}

export const benchRevocations = async (scene: GroupScene): Promise<Comparison[]> => [
  ...(await entityInGroups(scene)),
  await gatewayWithMany(scene),
];
