import { serve } from '@cpns/platform/testing';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { RequestGroupKey } from './cskmf/request-group-key';
import { DeliveryChannel } from './gateway-delivery/delivery-channel';
import { ServerClients, SmfClients } from './peers/peer-clients';
import { ProvisioningLoop } from './provisioning/provisioning-loop';
import { NoticeChannel } from './smf/notice-channel';
import { GatewayWorld } from './testing/world';

test('a gateway closes its connections after the last of its loops has ended', async () => {
  const world = new GatewayWorld();
  await world.open();
  const { module } = world;
  const seen: string[] = [];
  for (const loop of [DeliveryChannel, NoticeChannel, RequestGroupKey, ProvisioningLoop]) {
    jest
      .spyOn(module.get<{ run(signal: AbortSignal): Promise<void> }>(loop), 'run')
      .mockImplementation(async (signal) => {
        await once(signal, 'abort');
        await sleep(5);
        seen.push(loop.name);
      });
  }
  for (const clients of [ServerClients, SmfClients])
    Object.assign(module.get(clients), { onApplicationShutdown: () => seen.push(clients.name) });
  const served = await serve(module, {});
  expect(seen).toEqual([]);
  await served.close();
  expect(seen.splice(-2).sort()).toEqual(['ServerClients', 'SmfClients']);
  expect(seen.sort()).toEqual(['DeliveryChannel', 'NoticeChannel', 'ProvisioningLoop', 'RequestGroupKey']);
  jest.restoreAllMocks();
  await world.close();
});
