import { Redis } from 'ioredis';
import { storeContract } from '../testing/contract';
import { startRedis, type RunningRedis } from '../testing/start-redis';
import { RedisStore } from './redis-store';

let nodes: RunningRedis[];
const SLOTS = 16_384;

/** Three masters with a third of the slots each: a key outside its aggregate's hash tag would be refused as CROSSSLOT. */
async function startCluster(): Promise<void> {
  nodes = await Promise.all([0, 1, 2].map(() => startRedis({ settings: ['--cluster-enabled', 'yes'] })));
  const clients = nodes.map(({ url }) => new Redis(url));
  for (const [index, client] of clients.entries()) {
    const [first, next] = [index, index + 1].map((third) => Math.floor((SLOTS * third) / 3));
    await client.cluster('ADDSLOTSRANGE', first!, next! - 1);
    await client.cluster('MEET', '127.0.0.1', nodes[0]!.port);
  }
  for (const client of clients) {
    while (!(await client.cluster('INFO')).includes('cluster_state:ok'))
      await new Promise((resolve) => setTimeout(resolve, 50));
    client.disconnect();
  }
}

storeContract('redis cluster', {
  start: startCluster,
  open: (clock) => RedisStore.open(`redis+cluster://127.0.0.1:${nodes[0]!.port}`, { clock }),
  stop: async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  },
});
