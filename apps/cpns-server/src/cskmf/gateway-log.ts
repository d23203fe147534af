/**
 * What a gateway is sent over its delivery channel, in order, until it acknowledged it. Entries may hold a secret (A of a
 * token), so the log holds them sealed.
 */
import { OpenDeliveryChannelResponse } from '@cpns/contracts';
import { join, lp, Reader } from '@cpns/core';
import { currentTraceparent, lastStep } from '@cpns/telemetry';
import type { Append } from '@cpns/store';
import type { ServerContext } from '../context';
import { DELIVERY_LOG } from '../records/gateway-records';

type Entry = NonNullable<OpenDeliveryChannelResponse['entry']>;

const place = (gateway: string, dedupeId: string) => ({
  record: `gateway/${gateway}/${DELIVERY_LOG}`,
  field: dedupeId,
  revision: 0n,
});

/** An entry for the log of a gateway; the sequence is given by the log. */
export function sealedEntry(server: ServerContext, gateway: string, dedupeId: string, entry: Entry): Append {
  const message = OpenDeliveryChannelResponse.encode({
    sequence: 0n,
    traceparent: lastStep() || currentTraceparent(),
    entry,
  }).finish();
  const { sealer } = server.records;
  const keyId = sealer.currentKeyId;
  return { log: DELIVERY_LOG, dedupeId, value: join(lp(keyId), sealer.seal(place(gateway, dedupeId), message, keyId)) };
}

/** The entry as it goes over the channel. @throws CpnsError STORED_RECORD_INVALID */
export async function openEntry(
  server: ServerContext,
  gateway: string,
  stored: { readonly sequence: bigint; readonly dedupeId: string; readonly value: Buffer },
): Promise<OpenDeliveryChannelResponse> {
  const { sealer } = server.records;
  const where = place(gateway, stored.dedupeId);
  const reader = new Reader(stored.value, 'a stored entry');
  const keyId = reader.lpText();
  await sealer.ready(keyId, where.record);
  const message = sealer.open(where, reader.take(reader.remaining()), keyId);
  return { ...OpenDeliveryChannelResponse.decode(message), sequence: stored.sequence };
}
