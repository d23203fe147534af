import { gatewayChannel } from '../channel';
import type { GatewayContext } from '../context';
import { DELIVERY_AGGREGATE } from '../records/gateway-records';
import type { ApplyEntry } from './apply-entry';

/** The gateway's end of its delivery channel: CSKMF to CSKMF. */
export const deliveryChannel = (gateway: GatewayContext, apply: ApplyEntry) =>
  gatewayChannel(gateway, {
    name: 'delivery',
    open: () => gateway.server.groupKeyDelivery.openDeliveryChannel(),
    progress: DELIVERY_AGGREGATE,
    handle: (entry) => apply.execute(entry),
  });
