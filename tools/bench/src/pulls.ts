/**
 * GK-PULL steps 3 and 4: what a gateway's PullGroupKey for one member costs at a running CPNS Server, against a bare grpc-js
 * server that answers the same bytes to the same requests from the same client over the same mutual TLS 1.3.
 */
import { GroupKeyDeliveryServiceService, NO_PAGE } from '@cpns/contracts';
import type { ClientMethods } from '@cpns/grpc';
import { concurrently } from './concurrently';
import { BareServer } from './bare-server';
import { compare, type Comparison } from './compare';
import { homeOf, makeMembers, type GroupScene } from './group-scene';

const GROUP = 'bench-pull';
/** Members that take turns: each answer is an envelope of its own. */
const MEMBERS = 50;
const TARGET = 0.5;
/** How many calls a round has at each number in flight: a fraction of a second either way. */
const LANES = [
  { inFlight: 1, batch: 200 },
  { inFlight: 8, batch: 800 },
  { inFlight: 64, batch: 1_280 },
] as const;
const WARM_UP = 3;

type Client = ClientMethods<typeof GroupKeyDeliveryServiceService>;

/** Pulls for the members in turn. */
function puller(client: Client, members: readonly string[], inFlight: number) {
  return (count: number) =>
    concurrently(
      Array.from({ length: count }, (_, n) => members[n % members.length] ?? ''),
      inFlight,
      (entity) => client.pullGroupKey({ groupId: GROUP, version: 0n, entity, ...NO_PAGE }),
    );
}

export async function benchPulls(scene: GroupScene): Promise<Comparison[]> {
  const { deployment, gateways, storeName, rounds } = scene;
  const gateway = gateways.find(({ uri }) => uri === deployment.entity(homeOf(1), 'pn-gw', 'light'));
  if (gateway === undefined) throw new Error('the first home has a gateway');
  // names of one length: every request, and every answer, has as many bytes as the one that is echoed
  const entities = Array.from({ length: MEMBERS }, (_, n) => deployment.entity(homeOf(1), 'pne', `device-${100 + n}`));
  const members = await makeMembers(deployment, entities);
  await deployment.operator.groups.createGroup({ groupId: GROUP, delivery: 'pull', members });
  const client = gateway.connect('cpns-server').client(GroupKeyDeliveryServiceService);
  const sample = await client.pullGroupKey({ groupId: GROUP, version: 0n, entity: members[0] ?? '', ...NO_PAGE });
  const { pullGroupKey } = GroupKeyDeliveryServiceService;
  const echo = await BareServer.start(deployment, pullGroupKey, sample, { mutual: true });
  try {
    const bare = gateway.connect('cpns-server', echo.address).client(GroupKeyDeliveryServiceService);
    const results: Comparison[] = [];
    for (const { inFlight, batch } of LANES) {
      const name = `PullGroupKey at the Server, ${storeName}, ${inFlight} in flight`;
      const plan = { name, unit: 'calls/s', batch, rounds, warmUp: WARM_UP, target: TARGET };
      results.push(await compare(plan, puller(client, members, inFlight), puller(bare, members, inFlight)));
    }
    return results;
  } finally {
    await echo.stop();
  }
}
