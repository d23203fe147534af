import { CpnsError } from '@cpns/core';
import type { LogEntry } from '@cpns/store';
import type { ReceiverMessage, SenderChannel } from './channel';
import type { DeliveryLog } from './delivery-log';
import { DeliverySender, newerChannel } from './sender';

/** Who is at the other end of a channel: a name, and the certificate that showed it. */
export interface Receiver {
  readonly uri: string;
  /** SHA-256 of its certificate, 32 bytes. */
  readonly fingerprint: Buffer;
}

export interface PeerSendersOptions<In, Out> {
  /** The one log of a receiver. */
  readonly logOf: (uri: string) => DeliveryLog;
  /** @throws CpnsError for a message that is neither an opening nor an acknowledgement */
  readonly receive: (message: In) => ReceiverMessage;
  /** The message that carries an entry to this receiver; what it throws ends the channel, such as an ended identity. */
  readonly send: (receiver: Receiver, entry: LogEntry) => Out | Promise<Out>;
  /** Told when the store lost what had been sent to a receiver, which ends its channel. */
  readonly onLoss: (uri: string, error: CpnsError) => void;
}

interface Live<In, Out> {
  readonly key: string;
  readonly sender: DeliverySender<In, Out>;
}

/**
 * A sender for each receiver and certificate: entries are made for the one who showed it, and while it may have them. A
 * new certificate of a receiver ends the channel of its former one.
 */
export class PeerSenders<In, Out> {
  readonly #senders = new Map<string, Live<In, Out>>();
  #stopped = false;

  constructor(private readonly options: PeerSendersOptions<In, Out>) {}

  /** As {@link DeliverySender.serve}. @throws CpnsError SHUTTING_DOWN besides */
  serve(receiver: Receiver, channel: SenderChannel<In, Out>): Promise<void> {
    if (this.#stopped) return Promise.reject(stopping());
    return this.#senderOf(receiver).serve(this.options.logOf(receiver.uri), channel);
  }

  /** Ends the channel of a receiver whose identity was ended. */
  end(uri: string, error: CpnsError): void {
    this.#senders.get(uri)?.sender.end(this.options.logOf(uri), error);
  }

  /** Ends all channels: the receivers come back to a replica that answers then. */
  stop(): void {
    this.#stopped = true;
    for (const { sender } of this.#senders.values()) sender.stop(stopping());
  }

  #senderOf({ uri, fingerprint }: Receiver): DeliverySender<In, Out> {
    const key = fingerprint.toString('hex');
    const known = this.#senders.get(uri);
    if (known?.key === key) return known.sender;
    known?.sender.stop(newerChannel());
    const { receive, send, onLoss } = this.options;
    const codec = { receive, send: (entry: LogEntry) => send({ uri, fingerprint }, entry) };
    const sender = new DeliverySender<In, Out>(codec, { onLoss: (_, error) => onLoss(uri, error) });
    this.#senders.set(uri, { key, sender });
    return sender;
  }
}

const stopping = () => new CpnsError('SHUTTING_DOWN', 'the service is stopping; call another instance or try again');
