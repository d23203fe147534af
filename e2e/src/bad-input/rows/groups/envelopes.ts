/** Group Keys that are not what the Server's statement commits to, and envelopes that are not for whom they come to. */
import { GroupKey } from '@cpns/core';
import { makeEnvelope, parseEnvelope, type EnvelopeCheck } from '@cpns/group-key';
import { keyIdBytes } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { flipped } from '../../../support/drafts';
import type { Item } from '../../row';
import { NOTHING, refused, type Altered, type Stage } from './delivery-stage';
import { deliveryOf, nextOf, statementOf } from './device-stage';

const MISMATCH = refused('COMMITMENT_MISMATCH');
export const WRONG_GKC: readonly Altered[] = [
  {
    id: 'a GKC of no Group Key',
    item: 'a wrong GKC',
    alter:
      ({ recipient }) =>
      (delivery) =>
        deliveryOf(recipient, nextOf(recipient, delivery), { statement: { commitment: randomBytes(32) } }),
    expect: MISMATCH,
  },
  {
    id: 'a GKC of the version before',
    item: 'a wrong GKC',
    alter:
      ({ recipient }) =>
      (delivery) => {
        const { commitment } = statementOf(delivery);
        return deliveryOf(recipient, nextOf(recipient, delivery), { statement: { commitment } });
      },
    expect: MISMATCH,
  },
  {
    id: 'another Group Key in the envelope than the GKC is of',
    item: 'a wrong GKC',
    alter:
      ({ recipient }) =>
      (delivery) => {
        const { secret, keyId } = recipient.own;
        const next = nextOf(recipient, delivery);
        return deliveryOf(recipient, next, {
          own: makeEnvelope(secret, keyId, next.terms, new GroupKey(randomBytes(32))),
        });
      },
    expect: MISMATCH,
  },
];

const INVALID = refused('ENVELOPE_INVALID');

/** A new version of the Server's, with an envelope that is not this member's for it. */
const enveloped = (
  id: string,
  item: Item,
  envelope: EnvelopeCheck | undefined,
  own: (parts: {
    readonly stage: Stage;
    readonly right: Buffer;
    /** What an envelope is made for, with something in it changed. */
    readonly wrapped: (change: { groupId?: string; version?: bigint; entity?: string }) => Buffer;
  }) => Buffer,
  expect = INVALID,
): Altered => ({
  id,
  item,
  alter: (found) => (delivery) => {
    const { recipient } = found;
    const { secret, keyId } = recipient.own;
    const next = nextOf(recipient, delivery);
    const wrapped = (change: object) => makeEnvelope(secret, keyId, { ...next.terms, ...change }, next.groupKey);
    return deliveryOf(recipient, next, { own: own({ stage: found, right: wrapped({}), wrapped }) });
  },
  expect,
  ...(envelope === undefined ? {} : { envelope }),
});

/** The head of an envelope written anew; the wrap stays what it is. */
function addressed(own: Buffer, entity: string, keyId: string): Buffer {
  const name = Buffer.from(entity);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(name.length);
  return Buffer.concat([Buffer.from([0x01]), length, name, keyIdBytes(keyId), parseEnvelope(own).wrap]);
}

export const ENVELOPES: readonly Altered[] = [
  enveloped('an envelope for the version before', 'an envelope for another version', 'unwrap', ({ wrapped }) =>
    wrapped({ version: 2n }),
  ),
  enveloped('an envelope for the version after', 'an envelope for another version', 'unwrap', ({ wrapped }) =>
    wrapped({ version: 4n }),
  ),
  enveloped(
    'the envelope that came with version 1',
    'an envelope for another version',
    'unwrap',
    ({ stage: { old } }) => old.own,
  ),
  enveloped(
    'an envelope for another group',
    'an envelope for another group',
    'unwrap',
    ({ stage: { other }, wrapped }) => wrapped({ groupId: other.groupId }),
  ),
  enveloped(
    'an envelope for another member',
    'an envelope for another member',
    'entity',
    ({ stage: { friend }, wrapped }) => wrapped({ entity: friend.own.entity }),
  ),
  enveloped(
    'another member’s envelope with this one’s name on it',
    'an envelope for another member',
    'unwrap',
    ({ stage: { recipient, friend }, wrapped }) =>
      addressed(wrapped({ entity: friend.own.entity }), recipient.own.entity, recipient.own.keyId),
  ),
  enveloped(
    'an envelope under the key-id of another member',
    'an envelope for another member',
    'key-id',
    ({ stage: { recipient, friend }, right }) => addressed(right, recipient.own.entity, friend.own.keyId),
  ),
  enveloped('an envelope with one bit changed', 'an altered envelope', 'unwrap', ({ right }) => flipped(right)),
  enveloped('an envelope that ends early', 'an altered envelope', 'size', ({ right }) => right.subarray(0, -1)),
  enveloped('an envelope that goes on', 'an altered envelope', 'size', ({ right }) =>
    Buffer.concat([right, Buffer.from([0])]),
  ),
  enveloped('no envelope', 'an altered envelope', 'absent', () => NOTHING),
  enveloped(
    'a path of a key tree',
    'an altered envelope',
    undefined,
    ({ right }) => Buffer.concat([Buffer.from([0x03]), right.subarray(1)]),
    refused('FIELD_OUT_OF_RANGE', 'own'),
  ),
  enveloped(
    'an envelope of 513 bytes',
    'an altered envelope',
    undefined,
    () => Buffer.alloc(513, 1),
    refused('FIELD_TOO_LONG', 'own'),
  ),
];
