/** The SMF, as the gateway sees it, and what it has in common with the CPNS Server that is played. */
import {
  type MembershipServiceJoinServiceGroupRequest,
  type OpenNoticeChannelResponse,
  type ServiceGroupNotice,
  wireDeliveryMode,
} from '@cpns/contracts';
import { CpnsError, serviceUri } from '@cpns/core';
import type { OpeningWire, ReceiverWire } from '@cpns/delivery';
import { channelPair } from '@cpns/delivery/testing';
import { descriptionOf } from '@cpns/platform/testing';
import type { SmfClients } from '../peers/peer-clients';

/** A peer that answers only what a test says: whatever else is called is no function. */
export const played = <Client>(methods: Partial<Client>): Client => methods as Client;

export const away = (): Promise<never> => Promise.reject(new CpnsError('DEPENDENCY_UNAVAILABLE', 'it is away'));

/** The sender of a channel: sends what is in its log from where the receiver says that it goes on. */
export class FakeLog<
  Entry extends { readonly sequence: bigint; readonly traceparent: string; readonly entryId: Buffer },
> {
  /** What each channel was opened with, in order. */
  readonly opened: bigint[] = [];
  /** The newest of them. */
  opening: OpeningWire | undefined;
  /** The highest sequence that the receiver acknowledged. */
  acknowledged = 0n;
  readonly #entries: (readonly Partial<Entry>[])[] = [];
  /** What each channel is refused with. */
  refusal: CpnsError | undefined;
  #send: ((index: number) => void) | undefined;
  #write: ((message: Entry) => Promise<void>) | undefined;

  /** An entry, in one part or several. */
  add(...parts: readonly Partial<Entry>[]): void {
    this.#entries.push(parts);
    this.#send?.(this.#entries.length - 1);
  }

  /** Whether a channel is open. */
  get isOpen(): boolean {
    return this.#write !== undefined;
  }

  /** What its sender says over the open channel beside entries. */
  async say(message: Partial<Entry>): Promise<void> {
    await this.#write?.({ sequence: 0n, entryId: Buffer.alloc(0), traceparent: '', ...message } as Entry);
  }

  /** Sends a snapshot over the open channel, which ends behind an entry that is added here. */
  async snapshot(messages: readonly Partial<Entry>[], count = messages.length): Promise<void> {
    const id = Buffer.alloc(16, 6);
    const position = {
      sequence: BigInt(this.#entries.push([{}])),
      entryId: Buffer.alloc(16, this.#entries.length - 1),
    };
    const send = (message: object) =>
      this.#write?.({ sequence: 0n, entryId: Buffer.alloc(0), traceparent: '', ...message } as unknown as Entry);
    await send({ snapshotBegin: { snapshotId: id, doubtful: false } });
    for (const message of messages) await send(message);
    await send({ ...position, snapshotEnd: { snapshotId: id, count: BigInt(count) } });
  }

  open() {
    const pair = channelPair<ReceiverWire, Entry>(1_000);
    const send = (index: number) => {
      const sequence = BigInt(index + 1);
      for (const part of this.#entries[index] ?? []) {
        const entry = { ...part, sequence, entryId: Buffer.alloc(16, index), traceparent: '' } as Entry;
        // a receiver that went away gets it over its next channel
        pair.sender.write(entry).catch(() => undefined);
      }
    };
    const serve = async () => {
      if (this.refusal) return pair.cut(this.refusal);
      for await (const { message } of pair.sender.requests) {
        if (message?.$case === 'acknowledge') this.acknowledged = message.value;
        if (message?.$case !== 'opening') continue;
        const { lastSequence } = message.value;
        this.opened.push(lastSequence);
        this.opening = message.value;
        for (let index = Number(lastSequence); index < this.#entries.length; index += 1) send(index);
        this.#send = send;
        this.#write = (message) => pair.sender.write(message);
      }
    };
    // ends with the channel, in whatever way that does
    serve().catch(() => undefined);
    return pair.receiver;
  }
}

/** How long members seal with one statement, milliseconds. */
export const SEAL_PERIOD = 60_000;

export interface NoticeOf extends Partial<Pick<ServiceGroupNotice, 'keyVersion' | 'deleted' | 'part' | 'more'>> {
  readonly groupId: string;
  readonly delivery?: 'pull' | 'push';
  readonly revision?: bigint;
  readonly members?: readonly string[];
}

/** A notice of the group's first revision, unless it says otherwise. */
export const noticeOf = ({
  groupId,
  delivery = 'push',
  revision = 1n,
  members = [],
  ...others
}: NoticeOf): ServiceGroupNotice => ({
  description: descriptionOf(groupId, {
    delivery: wireDeliveryMode(delivery),
    sealPeriod: BigInt(SEAL_PERIOD),
    openToJoin: true,
  }),
  membershipRevision: revision,
  members: [...members],
  keyLocation: '127.0.0.1:7400',
  keyVersion: revision,
  deleted: false,
  part: 0,
  more: false,
  ...others,
});

export class FakeSmf {
  /** Requests of members that came in, as `join <group-id> <E>`. */
  readonly asked: string[] = [];
  /** What the last one had of the entity's own. */
  own: { readonly entityRequest: Buffer; readonly entityProof: Buffer } | undefined;
  /** The membership revision that is answered; an error is thrown. */
  answer: () => Promise<bigint> = away;
  /** What the gateway is sent over its notice channel. */
  readonly log = new FakeLog<OpenNoticeChannelResponse>();
  readonly clients: Omit<SmfClients, 'onApplicationShutdown'>;

  constructor(trustDomain: string) {
    const answered = (what: string) => async (request: MembershipServiceJoinServiceGroupRequest) => {
      const { groupId, entity, entityRequest, entityProof } = request;
      this.asked.push(`${what} ${groupId} ${entity}`);
      this.own = { entityRequest, entityProof };
      return { membershipRevision: await this.answer() };
    };
    this.clients = {
      uri: serviceUri(trustDomain, 'smf'),
      membership: played<SmfClients['membership']>({
        joinServiceGroup: answered('join'),
        leaveServiceGroup: answered('leave'),
      }),
      notices: played<SmfClients['notices']>({ openNoticeChannel: () => this.log.open() }),
    };
  }
}
