/** Channels and watches, spoken to by hand. */
import type { OpenDeliveryChannelRequest, OpenNoticeChannelRequest } from '@cpns/contracts';
import type { Talk, Wire } from '../../../support/wire';
import type { World } from '../../world';

/** What a gateway says on a channel: the same at CSKMF and at the SMF. */
export type Saying = OpenDeliveryChannelRequest & OpenNoticeChannelRequest;

interface Codec {
  encode(message: Saying): { finish(): Uint8Array };
}

export const opening = (lastSequence: bigint): Saying => ({ message: { $case: 'opening', value: { lastSequence } } });
export const acknowledge = (sequence: bigint): Saying => ({ message: { $case: 'acknowledge', value: sequence } });

export const encoded = (codec: Codec, message: Saying): Buffer => Buffer.from(codec.encode(message).finish());

/** How long it may take until something comes of a call, milliseconds: an entry, or its end. */
const PATIENCE_MS = 3_000;

const NOTHING = Buffer.alloc(0);

/** @throws Refusal what the call ends with before anything comes of it */
export async function opened(wire: Wire, path: string, codec?: Codec): Promise<void> {
  const talk = wire.talk(path);
  try {
    talk.say(codec === undefined ? NOTHING : encoded(codec, opening(0n)));
    await talk.hear(PATIENCE_MS);
  } finally {
    talk.close();
  }
}

/** Takes whatever comes. @throws Refusal what the call ends with, within this time */
export async function heardOut(talk: Talk, patienceMs: number): Promise<void> {
  const until = Date.now() + patienceMs;
  while (Date.now() < until) if ((await talk.hear(until - Date.now())) === undefined) return;
}

/** A newer channel of a gateway ends its older one: those that are used rightly wait for each other. */
export async function inTurn<T>(world: World, name: string, task: () => Promise<T>): Promise<T> {
  const turns = await world.once(`turns of ${name}`, () => Promise.resolve({ last: Promise.resolve() }));
  const turn = turns.last.then(task);
  turns.last = turn.then(
    () => undefined,
    () => undefined,
  );
  return turn;
}
