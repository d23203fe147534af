import { CpnsError } from '@cpns/core';
import { faultOf, reasonOfAsync } from '@cpns/core/testing';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import type { ReceiverMessage } from './channel';
import { DeliveryLog } from './delivery-log';
import type { Receiver } from './sender-codec';
import {
  channelPair,
  eventually,
  openingAt,
  plainSender,
  PROCESS_ID,
  sendersOf,
  type SendersOf,
  type WireEntry,
} from './testing';
import { receiverMessage, receiverWire } from './wire';

const receiver = (uri: string, certificate = 1): Receiver => ({ uri, fingerprint: Buffer.alloc(32, certificate) });

describe('PeerSenders', () => {
  let temporary: TemporaryStore;
  let senders: SendersOf;
  let refused: string | undefined;
  beforeEach(async () => {
    temporary = await temporaryStore();
    refused = undefined;
    const send: typeof plainSender.send = ({ uri, fingerprint }, { sequence, entryId, value }) => {
      if (refused === uri) throw new CpnsError('CERTIFICATE_REVOKED', 'no longer');
      return { sequence, entryId, text: `${uri} ${fingerprint[0]} ${value.toString()}` };
    };
    senders = await sendersOf(temporary.store, logOf(''), { logOf, codec: { ...plainSender, send } });
  });
  afterEach(() => temporary.dispose());

  const logOf = (uri: string) => new DeliveryLog(temporary.store, { kind: 'gateway', id: uri }, 'log');

  /** A receiver with an open channel: what it got, and how the channel ended. */
  const open = (who: Receiver) => {
    const pair = channelPair<ReceiverMessage, WireEntry>();
    const got: string[] = [];
    const ended = reasonOfAsync(() => senders.serve(who, pair.sender));
    void ended.then(() => pair.finish());
    const reading = async () => {
      await pair.receiver.write(openingAt(0n));
      for await (const { text, said } of pair.receiver) if (!said) got.push(text);
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
    expect(await former.ended).toBe('SUPERSEDED');
    await eventually(() => expect(newer.got).toEqual(['a 2 x']));
    senders.stop();
    await newer.ended;
  });

  it('ends a channel whose receiver may not have the next entry', async () => {
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
  const NONE = Buffer.alloc(0);
  const id = Buffer.alloc(16, 5);
  const opening = { position: { sequence: 7n, entryId: id }, processId: PROCESS_ID, resynchronise: true };

  it.each<[string, ReceiverMessage]>([
    ['first', { kind: 'opening', opening }],
    ['at the very beginning', { kind: 'opening', opening: { ...opening, position: { sequence: 0n, entryId: NONE } } }],
    ['afterwards', { kind: 'acknowledge', position: { sequence: 9n, entryId: id } }],
    ['to each state', { kind: 'alive' }],
  ])('%s is read as it was written', (_when, message) => {
    expect(receiverMessage(receiverWire(message))).toEqual(message);
  });

  it('is one of these', () => {
    expect(faultOf(() => receiverMessage({ entryId: NONE }))).toBe('FIELD_MISSING message');
  });
});
