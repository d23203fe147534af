/** The stream of GK-PUSH at a PNE. */
import type { GroupKeyDelivery, WatchGroupKeysResponse } from '@cpns/contracts';
import { CpnsError, type Clock, type Code } from '@cpns/core';
import { withSpan, withStepChain, withTraceparent, type Logger } from '@cpns/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GroupKeyChannel } from './channel';
import type { AcceptedDelivery } from './group-status';

export interface WatchOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Told of each delivery that was taken in, also of one that changed nothing. */
  readonly onDelivery?: (delivery: AcceptedDelivery) => void;
  /** Told of each delivery that was refused; nothing of it was kept. */
  readonly onRefused?: (refusal: CpnsError) => void;
}

export interface WatchContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly channel: GroupKeyChannel;
  /** Of the live key. */
  readonly keyId: () => string;
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** Checks one delivery and takes it in. */
export type TakeDelivery = (delivery: GroupKeyDelivery | undefined) => Promise<AcceptedDelivery>;

/** Pauses grow from the first to the last, milliseconds. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 2_000;
/** After a stream that lasted so long the pauses begin anew, milliseconds. */
const STEADY_MS = 5_000;

/** How a stream ends that is worth making again. */
const PASSING: ReadonlySet<Code> = new Set<Code>([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
  // what HTTP/2 makes of a gateway that ended in the middle
  'INTERNAL',
]);

/** Why a delivery is not taken in now, but may be when it comes again. */
const WAITING: ReadonlySet<Code> = new Set<Code>(['UNAVAILABLE', 'ABORTED']);

/** A delivery that failed by no fault of its own: the device cannot store it, say. */
class TakingFailed extends Error {
  constructor(override readonly cause: unknown) {
    super('a delivery could not be taken in');
  }
}

/** @throws CpnsError when trying again is of no use; what `take` fails with, unless it is a refusal */
export async function watchGroupKeys(context: WatchContext, options: WatchOptions, take: TakeDelivery): Promise<void> {
  const { clock, logger, pause = (ms: number) => sleep(ms, undefined, { signal: options.signal }) } = context;
  for (let next = FIRST_PAUSE_MS; !options.signal.aborted; next = Math.min(2 * next, LAST_PAUSE_MS)) {
    const since = clock.now();
    const end = await oneStream(context, options, take);
    if (options.signal.aborted) return;
    if (clock.now() - since >= STEADY_MS) next = FIRST_PAUSE_MS;
    logger.info('Group Keys are not pushed for the moment', { error: end, pauseMs: next });
    await pause(next).catch((error: unknown) => {
      if (!options.signal.aborted) throw error;
    });
  }
}

/** @returns why the stream ended, where it is worth making again */
async function oneStream(context: WatchContext, options: WatchOptions, take: TakeDelivery): Promise<unknown> {
  const keyId = context.keyId();
  try {
    for await (const message of await context.channel.watch(options.signal))
      await takeOne(context, options, message, take);
    return undefined;
  } catch (error) {
    const end = error instanceof TakingFailed ? error.cause : error;
    const passing = error instanceof TakingFailed ? WAITING : PASSING;
    if (options.signal.aborted || (end instanceof CpnsError && passing.has(end.code))) return end;
    // the gateway ends the stream of a key that another took the place of
    if (end instanceof CpnsError && context.keyId() !== keyId) return end;
    throw end;
  }
}

async function takeOne(
  { logger }: WatchContext,
  { onDelivery, onRefused }: WatchOptions,
  { delivery, traceparent }: WatchGroupKeysResponse,
  take: TakeDelivery,
): Promise<void> {
  const taken = await withTraceparent(traceparent, () =>
    withStepChain(traceparent, () => withSpan('cpns.take-group-key', {}, () => take(delivery))),
  ).catch((error: unknown) => {
    if (!isRefusal(error)) throw new TakingFailed(error);
    logger.warn('a pushed Group Key was refused', { error });
    onRefused?.(error);
  });
  if (taken !== undefined) onDelivery?.(taken);
}

/** What is wrong with a delivery is no reason to end the stream; a store that is away is. */
const isRefusal = (error: unknown): error is CpnsError =>
  error instanceof CpnsError && error.code !== 'INTERNAL' && !WAITING.has(error.code);
