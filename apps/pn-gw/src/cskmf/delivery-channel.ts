import type { OpenDeliveryChannelRequest, OpenDeliveryChannelResponse } from '@cpns/contracts';
import { DeliveryClient, type ReceiverMessage } from '@cpns/delivery';
import { at } from '@cpns/records';
import { withTraceparent } from '@cpns/telemetry';
import type { GatewayContext } from '../context';
import { DELIVERED, DELIVERY_AGGREGATE } from '../records/gateway-records';
import type { ApplyEntry } from './apply-entry';

type Client = DeliveryClient<OpenDeliveryChannelResponse, OpenDeliveryChannelRequest>;

/**
 * The gateway's end of its delivery channel: dials out, works entries off one by one, acknowledges what is committed. An
 * entry and the progress past it lie in two aggregates; each effect is the same when done twice, so that nothing is lost
 * or doubled by a crash in between.
 */
export function deliveryChannel(gateway: GatewayContext, apply: ApplyEntry): Client {
  const { records, server, logger } = gateway;
  const wanted = { delivered: at(DELIVERED) };
  return new DeliveryClient({
    open: () => server.groupKeyDelivery.openDeliveryChannel(),
    codec: {
      send: (message) => ({ message: wireMessage(message) }),
      sequenceOf: ({ sequence }) => sequence,
    },
    lastSequence: async () => (await records.read(DELIVERY_AGGREGATE, wanted)).delivered?.lastSequence ?? 0n,
    handle: async (entry, sequence) => {
      await withTraceparent(entry.traceparent, () => apply.execute(entry));
      await records.transact(DELIVERY_AGGREGATE, wanted, () => ({
        result: undefined,
        put: { delivered: { lastSequence: sequence } },
      }));
    },
    onState: (state) => logger.debug('delivery channel', { state }),
    onFailure: (error, retryIn) => logger.warn('delivery channel failed', { error, retryInMs: retryIn }),
    backoff: { first: 100, longest: 2_000 },
  });
}

const wireMessage = (message: ReceiverMessage): NonNullable<OpenDeliveryChannelRequest['message']> =>
  message.kind === 'opening'
    ? { $case: 'opening', value: { lastSequence: message.lastSequence } }
    : { $case: 'acknowledge', value: message.sequence };
