import type { Random } from '@cpns/core';
import { SERIAL_MAX_BYTES } from '../certificate/parse-certificate';

/** How many serial numbers are drawn at once: a call to the system's generator costs more than its bytes. */
const BATCH = 64;

interface Stock {
  readonly bytes: Buffer;
  used: number;
}

const STOCKS = new WeakMap<Random, Stock>();

/**
 * A serial number of 20 bytes: positive (RFC 5280, 4.1.2.2), with 158 random bits, so that no two are ever equal and
 * none can be foretold before it is in a certificate. It is no secret, so a stock of them may lie in memory.
 */
export function newSerial(random: Random): Buffer {
  let stock = STOCKS.get(random);
  if (stock === undefined || stock.used === stock.bytes.length) {
    stock = { bytes: random.bytes(BATCH * SERIAL_MAX_BYTES), used: 0 };
    STOCKS.set(random, stock);
  }
  const serial = Buffer.from(stock.bytes.subarray(stock.used, (stock.used += SERIAL_MAX_BYTES)));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}
