import type { ReceiverChannel } from '@cpns/delivery';
import { channelPair } from '@cpns/delivery/testing';

interface Answer {
  readonly message?:
    | { readonly $case: 'opening'; readonly value: { readonly lastSequence: bigint } }
    | { readonly $case: 'acknowledge'; readonly value: bigint }
    | undefined;
}

/** The sender of a channel: sends what is in its log from where the receiver says that it goes on. */
export class FakeLog<Entry> {
  /** What each channel was opened with, in order. */
  readonly opened: bigint[] = [];
  /** The highest sequence that the receiver acknowledged. */
  acknowledged = 0n;
  readonly #entries: Entry[] = [];
  #send: ((index: number) => void) | undefined;

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.#send?.(this.#entries.length - 1);
  }

  /** @param withSequence puts the sequence into an entry */
  open(withSequence: (entry: Entry, sequence: bigint) => Entry): ReceiverChannel<Entry, Answer> {
    const pair = channelPair<Answer, Entry>(1_000);
    const send = (index: number) => {
      // a receiver that went away gets it over its next channel
      pair.sender.write(withSequence(this.#entries[index]!, BigInt(index + 1))).catch(() => undefined);
    };
    const serve = async () => {
      for await (const { message } of pair.sender.requests) {
        if (message?.$case === 'acknowledge') this.acknowledged = message.value;
        if (message?.$case !== 'opening') continue;
        const { lastSequence } = message.value;
        this.opened.push(lastSequence);
        for (let index = Number(lastSequence); index < this.#entries.length; index += 1) send(index);
        this.#send = send;
      }
    };
    // ends with the channel, in whatever way that does
    serve().catch(() => undefined);
    return pair.receiver;
  }
}
