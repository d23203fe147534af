import { CpnsError } from '@cpns/core';
import { faultOf, reasonOfAsync } from '@cpns/core/testing';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import type { ReceiverMessage } from './channel';
import { DeliveryLog } from './delivery-log';
import { PeerSenders, type Receiver } from './peer-senders';
import { channelPair, eventually } from './testing';
import { receiverMessage, type ReceiverWire } from './wire';

interface Entry {
  readonly sequence: bigint;
  readonly text: string;
}

const receiver = (uri: string, certificate = 1): Receiver => ({ uri, fingerprint: Buffer.alloc(32, certificate) });

describe('PeerSenders', () => {
  let temporary: TemporaryStore;
  let senders: PeerSenders<ReceiverMessage, Entry>;
  let refused: string | undefined;
  beforeEach(async () => {
    temporary = await temporaryStore();
    refused = undefined;
    senders = new PeerSenders({
      logOf,
      receive: (message) => message,
      onLoss: () => undefined,
      send: ({ uri, fingerprint }, { sequence, value }) => {
        if (refused === uri) throw new CpnsError('CERTIFICATE_REVOKED', 'no longer');
        return { sequence, text: `${uri} ${fingerprint[0]} ${value.toString()}` };
      },
    });
  });
  afterEach(() => temporary.dispose());

  const logOf = (uri: string) => new DeliveryLog(temporary.store, { kind: 'gateway', id: uri }, 'log');

  /** A receiver with an open channel: what it got, and how the channel ended. */
  const open = (who: Receiver, lastSequence = 0n) => {
    const pair = channelPair<ReceiverMessage, Entry>();
    const got: string[] = [];
    const ended = reasonOfAsync(() => senders.serve(who, pair.sender));
    void ended.then(() => pair.finish());
    const reading = async () => {
      await pair.receiver.write({ kind: 'opening', lastSequence });
      for await (const { text } of pair.receiver) got.push(text);
    };
    // the channel's end is what the specs look at
    void reading().catch(() => undefined);
    return { got, ended, end: () => pair.receiver.end() };
  };

  it('sends each receiver its own entries, made for it', async () => {
    await logOf('a').append('1', Buffer.from('for a'));
    await logOf('b').append('1', Buffer.from('for b'));
    const [a, b] = [open(receiver('a')), open(receiver('b', 2))];
    await eventually(() => expect([a.got, b.got]).toEqual([['a 1 for a'], ['b 2 for b']]));
    senders.stop();
    expect(await Promise.all([a.ended, b.ended])).toEqual(['SHUTTING_DOWN', 'SHUTTING_DOWN']);
  });

  it('ends the channel of a former certificate when a newer one is shown', async () => {
    await logOf('a').append('1', Buffer.from('x'));
    const former = open(receiver('a', 1));
    await eventually(() => expect(former.got).toEqual(['a 1 x']));
    const newer = open(receiver('a', 2));
    expect(await former.ended).toBe('CONFLICT');
    await eventually(() => expect(newer.got).toEqual(['a 2 x']));
    senders.stop();
    await newer.ended;
  });

  it('ends a channel when told, and one whose receiver may not have the next entry', async () => {
    const told = open(receiver('a'));
    await eventually(async () => {
      await logOf('a').append('1', Buffer.from('x'));
      expect(told.got).toHaveLength(1);
    });
    senders.end('a', new CpnsError('CERTIFICATE_REVOKED', 'no longer'));
    expect(await told.ended).toBe('CERTIFICATE_REVOKED');
    refused = 'b';
    await logOf('b').append('1', Buffer.from('x'));
    const other = open(receiver('b'));
    expect(await other.ended).toBe('CERTIFICATE_REVOKED');
    expect(other.got).toEqual([]);
  });

  it('opens no channel once it stopped', async () => {
    senders.stop();
    expect(await open(receiver('a')).ended).toBe('SHUTTING_DOWN');
  });
});

describe('what a receiver says', () => {
  it.each<[string, ReceiverWire, ReceiverMessage]>([
    ['first', { $case: 'opening', value: { lastSequence: 7n } }, { kind: 'opening', lastSequence: 7n }],
    ['afterwards', { $case: 'acknowledge', value: 9n }, { kind: 'acknowledge', sequence: 9n }],
  ])('%s', (_when, message, expected) => {
    expect(receiverMessage({ message })).toEqual(expected);
  });

  it('is one of the two', () => {
    expect(faultOf(() => receiverMessage({}))).toBe('FIELD_MISSING message');
  });
});
