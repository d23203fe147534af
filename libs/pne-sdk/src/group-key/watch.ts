/** The stream of GK-PUSH at a PNE. */
import type { GroupKeyDelivery, WatchGroupKeysResponse } from '@cpns/contracts';
import { backoffAfter, CpnsError, isRefusal, mayRetry, type Backoff, type Clock } from '@cpns/core';
import { withSpan, withStepChain, withTraceparent, type Logger } from '@cpns/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GroupKeyChannel } from './member';
import type { AcceptedDelivery } from './group-state';

export interface WatchOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Told of each delivery that was taken in, also of one that changed nothing. */
  readonly onDelivery?: (delivery: AcceptedDelivery) => void;
  /** Told of each delivery that was refused and not kept. */
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

const PAUSES: Backoff = { first: 100, longest: 2_000 };
/** After a stream that lasted so long the pauses begin anew, milliseconds. */
const STEADY_MS = 5_000;

/** A delivery that failed by no fault of its own: the device cannot store it, say. */
class TakingFailed extends Error {
  constructor(override readonly cause: unknown) {
    super('a delivery could not be taken in');
  }
}

/** @throws CpnsError when trying again is of no use; what `take` fails with, unless it is a refusal */
export async function watchGroupKeys(context: WatchContext, options: WatchOptions, take: TakeDelivery): Promise<void> {
  const { clock, logger, pause = (ms: number) => sleep(ms, undefined, { signal: options.signal }) } = context;
  for (let attempts = 1; !options.signal.aborted; attempts++) {
    const since = clock.now();
    const end = await oneStream(context, options, take);
    if (options.signal.aborted) return;
    if (clock.now() - since >= STEADY_MS) attempts = 1;
    const pauseMs = backoffAfter(PAUSES, attempts);
    logger.info('Group Keys are not pushed for the moment', { error: end, pauseMs });
    await pause(pauseMs).catch((error: unknown) => {
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
    const isPassing = error instanceof TakingFailed ? isTransient(end) : mayMakeAgain(end);
    if (options.signal.aborted || isPassing) return end;
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

/** A device whose own store is damaged ends here, and does not go on without what it could not take in. */
const isTransient = (error: unknown): boolean =>
  error instanceof CpnsError && error.code !== 'INTERNAL' && mayRetry(error);

/** INTERNAL is what HTTP/2 makes of a gateway that ended in the middle; a limit of streams may be free again. */
const mayMakeAgain = (error: unknown): boolean =>
  error instanceof CpnsError && (mayRetry(error) || error.reason === 'LIMIT_REACHED');
