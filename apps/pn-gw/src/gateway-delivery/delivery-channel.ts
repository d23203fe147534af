import type { OpenDeliveryChannelResponse } from '@cpns/contracts';
import { Injectable } from '@nestjs/common';
import { Channels } from '../channel/channels';
import { BackgroundLoop } from '@cpns/platform';
import { ServerClients } from '../peers/server-clients';
import { ApplyEntry } from './apply-entry';

/** The gateway's end of its delivery channel: CSKMF to CSKMF. */
@Injectable()
export class DeliveryChannel extends BackgroundLoop {
  constructor(
    private readonly channels: Channels,
    private readonly server: ServerClients,
    private readonly apply: ApplyEntry,
  ) {
    super();
  }

  run(signal: AbortSignal): Promise<void> {
    const channel = {
      name: 'delivery',
      open: () => this.server.groupKeyDelivery.openDeliveryChannel(),
      progress: { kind: 'delivery', id: 'own' },
      handle: (entry: OpenDeliveryChannelResponse) => this.apply.execute(entry),
    };
    return this.channels.run(channel, signal);
  }
}
