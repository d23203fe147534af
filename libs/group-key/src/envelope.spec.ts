import fc from 'fast-check';
import { EntityUserKey, GroupKey } from '@cpns/core';
import { flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import { deriveKeyId } from '@cpns/key-derivation';
import {
  type Committed,
  deriveGroupKeyCommitment,
  type EnvelopeTerms,
  makeEnvelope,
  openEnvelope,
  parseEnvelope,
  requireCommitment,
  requireEnvelopeOf,
} from './envelope';

const random = new SeededRandom('envelope');
const secret = new EntityUserKey(random.bytes(32));
const keyId = deriveKeyId(secret);
const groupKey = new GroupKey(random.bytes(32));
const terms: EnvelopeTerms = { groupId: 'living-room', version: 3n, entity: 'cpns://pn1.td/pne/camera' };
const own = makeEnvelope(secret, keyId, terms, groupKey);
const KEY_ID_AT = 3 + terms.entity.length;

const anyEntity = fc
  .tuple(
    fc.stringMatching(/^[a-z0-9-]{1,63}$/),
    fc.stringMatching(/^[a-z0-9-]{1,20}$/),
    fc.constantFrom('pne', 'pn-gw'),
    fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/),
  )
  .map(([pn, domain, type, id]) => `cpns://${pn}.${domain}/${type}/${id}`);

describe('an envelope', () => {
  it('has 59 bytes and E', () => {
    expect(own).toHaveLength(59 + terms.entity.length);
    expect(parseEnvelope(own)).toEqual({ entity: terms.entity, keyId, wrap: own.subarray(-40) });
  });

  it('opens for its member, and for any other name, group, version and key too', () => {
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const groupId = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/);
    const version = fc.bigInt({ min: 1n, max: (1n << 64n) - 1n });
    fc.assert(
      fc.property(anyEntity, groupId, version, key, key, (entity, group, number, s, k) => {
        const [holder, wrapped] = [new EntityUserKey(s), new GroupKey(k)];
        const about = { groupId: group, version: number, entity };
        const made = makeEnvelope(holder, deriveKeyId(holder), about, wrapped);
        expect(openEnvelope(holder, deriveKeyId(holder), about, made).equals(wrapped)).toBe(true);
        expect(requireEnvelopeOf(entity, made).keyId).toBe(deriveKeyId(holder));
      }),
    );
  });

  const other = new EntityUserKey(random.bytes(32));
  it.each<[string, Buffer, Partial<EnvelopeTerms>, EntityUserKey, string]>([
    ['as it was made', own, {}, secret, 'accepted'],
    ['none', Buffer.alloc(0), {}, secret, 'ENVELOPE_INVALID absent'],
    ['a rekey message', Buffer.concat([Buffer.of(2), own.subarray(1)]), {}, secret, 'ENVELOPE_INVALID tag'],
    ['a path', Buffer.concat([Buffer.of(3), own.subarray(1)]), {}, secret, 'ENVELOPE_INVALID tag'],
    ['its tag alone', own.subarray(0, 1), {}, secret, 'ENVELOPE_INVALID size'],
    ['a byte short', own.subarray(0, -1), {}, secret, 'ENVELOPE_INVALID size'],
    ['a byte more', Buffer.concat([own, Buffer.of(0)]), {}, secret, 'ENVELOPE_INVALID size'],
    ['a longer E than there is', flipped(own, 1), {}, secret, 'ENVELOPE_INVALID size'],
    ['an E that is none', flipped(own, 3), {}, secret, 'ENVELOPE_INVALID entity'],
    ['another E', flipped(own, KEY_ID_AT - 1), {}, secret, 'ENVELOPE_INVALID entity'],
    ['for another entity', own, { entity: 'cpns://pn1.td/pne/cameras' }, secret, 'ENVELOPE_INVALID entity'],
    ['for another key', own, {}, other, 'ENVELOPE_INVALID key-id'],
    ['another key-id', flipped(own, KEY_ID_AT), {}, secret, 'ENVELOPE_INVALID key-id'],
    ['for another group', own, { groupId: 'kitchen' }, secret, 'ENVELOPE_INVALID unwrap'],
    ['for another version', own, { version: 4n }, secret, 'ENVELOPE_INVALID unwrap'],
    ['an altered wrap', flipped(own, -1), {}, secret, 'ENVELOPE_INVALID unwrap'],
    ['an altered beginning of the wrap', flipped(own, -40), {}, secret, 'ENVELOPE_INVALID unwrap'],
  ])('%s', (_what, bytes, edit, s, reason) => {
    expect(reasonOf(() => openEnvelope(s, deriveKeyId(s), { ...terms, ...edit }, bytes))).toBe(reason);
  });

  it('is not opened by another’s S under its key-id', () => {
    expect(reasonOf(() => openEnvelope(other, keyId, terms, own))).toBe('ENVELOPE_INVALID unwrap');
  });

  it('is not read with any bit turned over, and any bytes at all give ENVELOPE_INVALID or are one', () => {
    for (let at = 0; at < own.length; at += 1)
      expect(reasonOf(() => openEnvelope(secret, keyId, terms, flipped(own, at)))).toMatch(/^ENVELOPE_INVALID /);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const withTag = Buffer.concat([Buffer.of(1), bytes]);
        for (const any of [Buffer.from(bytes), withTag])
          expect(reasonOf(() => parseEnvelope(any))).toMatch(/^(accepted|ENVELOPE_INVALID .*)$/);
      }),
    );
  });

  it('is not made with what is no key-id', () => {
    expect(reasonOf(() => makeEnvelope(secret, keyId.toUpperCase(), terms, groupKey))).toBe('NAME_INVALID');
    expect(reasonOf(() => makeEnvelope(secret, '', terms, groupKey))).toBe('FIELD_MISSING');
  });

  it('is made anew to the same bytes, and holds neither S nor Group Key', () => {
    expect(makeEnvelope(secret, keyId, terms, groupKey)).toEqual(own);
    expect(own.includes(groupKey.expose())).toBe(false);
    expect(own.includes(secret.expose())).toBe(false);
  });
});

const commitment = deriveGroupKeyCommitment(groupKey, 'living-room', 7n);
const committed: Committed = { groupId: 'living-room', version: 7n, commitment };

describe('the commitment to a Group Key', () => {
  it.each<[string, Partial<Committed>, string]>([
    ['the same key, group and version', {}, 'accepted'],
    ['another group', { groupId: 'living-roon' }, 'COMMITMENT_MISMATCH'],
    ['another version', { version: 8n }, 'COMMITMENT_MISMATCH'],
    ['another commitment', { commitment: flipped(commitment, -1) }, 'COMMITMENT_MISMATCH'],
    ['part of the commitment', { commitment: commitment.subarray(0, 31) }, 'COMMITMENT_MISMATCH'],
    ['a deleted group', { commitment: Buffer.alloc(0) }, 'COMMITMENT_MISMATCH'],
  ])('%s', (_what, edit, reason) => {
    expect(reasonOf(() => requireCommitment(groupKey, { ...committed, ...edit }))).toBe(reason);
  });

  it('no other key fits it', () => {
    expect(reasonOf(() => requireCommitment(new GroupKey(random.bytes(32)), committed))).toBe('COMMITMENT_MISMATCH');
  });
});
