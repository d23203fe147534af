import { itHolds } from '@cpns/core/testing';
import { inspect } from 'node:util';
import { EntityUserKey, FirstSeed, PrivateKeyDer, SecondSeed } from '@cpns/core';
import type { Store } from '../port';
import { rawDump } from '../testing/dump';
import { put as putAt } from '../testing/each-store';
import fc from 'fast-check';
import { jsonField, optional, secretField, type RecordOf } from './fields';
import { defineRecord, recordName, SealedRecords, type ValueIn } from './records';
import type { Sealer } from './sealer';
import { recordsOn } from '../testing/sealing';
import { temporaryStore } from '../testing/temporary-store';

const firstSeedRecord = defineRecord('first-seed', {
  seed: secretField(FirstSeed),
  spare: optional(secretField(SecondSeed)),
  gateway: jsonField<string>(),
  assignUntil: jsonField<bigint>(),
  state: jsonField<'live' | 'revoked'>(),
  certificate: optional(jsonField<Buffer>()),
  history: jsonField<{ at: bigint; what: string; digest?: Buffer }[]>(),
});
type FirstSeedRecord = ValueIn<typeof firstSeedRecord>;

const invalid = { name: 'CpnsError', reason: 'STORED_RECORD_INVALID' };
const seedBytes = Buffer.from('5eed'.repeat(16), 'hex');
const example = (): FirstSeedRecord => ({
  seed: new FirstSeed(seedBytes),
  gateway: 'cpns://pn1.td.example/pn-gw/gw1',
  assignUntil: 2n ** 60n,
  state: 'live',
  history: [
    { at: 1n, what: 'made' },
    { at: 2n, what: 'given', digest: Buffer.from([0, 255]) },
  ],
});

describe('SealedRecords', () => {
  let store: Store;
  let sealer: Sealer;
  let records: SealedRecords;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    ({ store, dispose } = await temporaryStore());
    ({ sealer } = await recordsOn(store, 'cpns-server'));
    records = new SealedRecords(store, sealer);
  });
  afterEach(() => dispose());

  const at = { kind: 'first-seed', id: 's-1' };
  const place = { record: recordName(at, 'first-seed'), revision: 1n };
  const write = async (seen: bigint | 'absent', value: FirstSeedRecord, name?: string) => {
    const part = records.put(at, firstSeedRecord, seen, value, name === undefined ? {} : { name });
    return store.commit(at, { expect: [part.expect], put: [part.put] });
  };

  it('authenticates without opening: secrets are opened anew by each who asks for them', async () => {
    await write('absent', example());
    const stored = (await store.read(at, ['first-seed'])).get('first-seed')!;
    const record = await records.authenticate(at, firstSeedRecord, stored);
    const shown = inspect(record, { depth: Infinity, maxStringLength: null, maxArrayLength: null });
    expect(shown).toContain(example().gateway);
    // as Buffers are shown
    expect(shown).not.toContain('5e ed 5e ed');
    const first = record.reveal();
    first.seed.destroy();
    const second = record.reveal();
    expect(second.seed.expose()).toEqual(seedBytes);
    expect({ ...second, seed: undefined }).toEqual({ ...example(), seed: undefined });
  });

  it('returns a record as it was written, its secrets as their types', async () => {
    expect(await records.read(at, firstSeedRecord)).toBeUndefined();
    await write('absent', example());
    const seen = (await records.read(at, firstSeedRecord))!;
    expect(seen.revision).toBe(1n);
    expect(seen.value.seed).toBeInstanceOf(FirstSeed);
    expect(seen.value.seed.expose()).toEqual(seedBytes);
    expect({ ...seen.value, seed: undefined }).toEqual({ ...example(), seed: undefined });
    expect(Object.keys(seen.value)).not.toContain('spare');
  });

  it('follows a record through its revisions', async () => {
    await write('absent', example());
    for (let revision = 1n; revision < 4n; revision++) {
      const seen = (await records.read(at, firstSeedRecord))!;
      expect(seen.revision).toBe(revision);
      const next = { ...seen.value, spare: new SecondSeed(seedBytes), state: 'revoked' } as const;
      expect((await write(seen.revision, next)).ok).toBe(true);
    }
    const last = (await records.read(at, firstSeedRecord))!.value;
    expect(last.state).toBe('revoked');
    expect(last.spare).toBeInstanceOf(SecondSeed);
  });

  it('keeps several records of one kind in an aggregate', async () => {
    await write('absent', example(), 'one');
    await write('absent', { ...example(), gateway: 'two' }, 'two');
    const all = await records.readAll(at, firstSeedRecord, ['one', 'two', 'three']);
    expect([...all].map(([name, { value }]) => [name, value.gateway])).toEqual([
      ['one', example().gateway],
      ['two', 'two'],
    ]);
  });

  it('has no secret in what it stores or prints', async () => {
    await write('absent', { ...example(), spare: new SecondSeed(seedBytes) });
    const raw = Buffer.concat((await rawDump(store)).flatMap(({ key, value }) => [key, value]));
    expect(raw.includes('pn-gw/gw1')).toBe(true);
    for (const form of [seedBytes, seedBytes.toString('hex'), seedBytes.toString('base64')])
      expect(raw.includes(form)).toBe(false);
    const seen = await records.read(at, firstSeedRecord);
    expect(inspect(seen, { depth: 9 })).not.toContain('5eed');
  });

  it('refuses a record that was altered at any bit', async () => {
    const bytes = records.encode(firstSeedRecord, place, example());
    await expect(records.decode(firstSeedRecord, place, bytes)).resolves.toBeDefined();
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      await expect(records.decode(firstSeedRecord, place, altered)).rejects.toMatchObject(invalid);
    }
  });

  it.each([0, 1, 3, 4, 32, 36, 100])('refuses a record cut to %i bytes', async (length) => {
    const bytes = records.encode(firstSeedRecord, place, example());
    await expect(records.decode(firstSeedRecord, place, bytes.subarray(0, length))).rejects.toMatchObject(invalid);
  });

  itHolds('refuses any bytes that it did not write (property)', [fc.uint8Array({ maxLength: 200 })], async (bytes) => {
    await expect(records.decode(firstSeedRecord, place, bytes)).rejects.toMatchObject(invalid);
  });

  it('refuses a record that was moved: to another name, aggregate, kind or service, or back in time', async () => {
    await write('absent', example());
    await write(1n, { ...example(), state: 'revoked' });
    const bytes = (await store.read(at, ['first-seed'])).get('first-seed')!.value;
    const moved = async (to: { kind: string; id: string }, name: string, times = 2) => {
      for (let n = 0; n < times; n++) await store.commit(to, putAt(name, bytes, n === 0 ? 'absent' : BigInt(n)));
      return records.read(to, firstSeedRecord, name);
    };
    await expect(moved(at, 'other')).rejects.toMatchObject(invalid);
    await expect(moved({ kind: 'first-seed', id: 's-2' }, 'first-seed')).rejects.toMatchObject(invalid);
    await expect(moved({ kind: 'second-seed', id: 's-1' }, 'first-seed')).rejects.toMatchObject(invalid);
    await expect(moved({ kind: 'first-seed', id: 's-3' }, 'first-seed', 1)).rejects.toMatchObject(invalid);

    const smf = (await recordsOn(store, 'smf')).sealer;
    const other = new SealedRecords(store, smf);
    await expect(other.read(at, firstSeedRecord)).rejects.toMatchObject(invalid);

    // an older version of the record put back over the newer one
    const old = records.encode(firstSeedRecord, { ...place, revision: 1n }, example());
    await store.commit(at, putAt('first-seed', old, 2n));
    await expect(records.read(at, firstSeedRecord)).rejects.toMatchObject(invalid);
  });

  it('refuses a sealed field that was put in the place of another, even under a MAC of its own', async () => {
    const both = { ...example(), spare: new SecondSeed(Buffer.alloc(32, 1)) };
    const swapped = defineRecord('first-seed', { seed: secretField(SecondSeed), spare: secretField(FirstSeed) });
    const bytes = records.encode(firstSeedRecord, place, both);
    const body = JSON.parse(bytes.subarray(4, -32).toString()) as Record<string, string>;
    const swappedBody = JSON.stringify({ seed: body.spare, spare: body.seed });
    const forged = Buffer.concat([bytes.subarray(0, 4), Buffer.from(swappedBody)]);
    const authentic = Buffer.concat([forged, sealer.mac(place, forged)]);
    await expect(records.decode(swapped, place, authentic)).rejects.toMatchObject(invalid);
  });

  it('reads old records after a rotation, and seals them anew when they are written', async () => {
    await write('absent', example());
    await sealer.rotate();
    const seen = (await records.read(at, firstSeedRecord))!;
    await write(seen.revision, seen.value);
    const stored = (await store.read(at, ['first-seed'])).get('first-seed')!.value;
    expect(stored.subarray(1, 4).toString('latin1')).toBe('\0\x012');
    expect((await records.read(at, firstSeedRecord))!.value.seed.expose()).toEqual(seedBytes);
  });

  it('reads what another process sealed under a key that it made since', async () => {
    const other = (await recordsOn(store, 'cpns-server')).sealer;
    await other.rotate();
    const part = new SealedRecords(store, other).put(at, firstSeedRecord, 'absent', example());
    await store.commit(at, { expect: [part.expect], put: [part.put] });
    expect((await records.read(at, firstSeedRecord))!.value.state).toBe('live');
  });

  it('carries the expiry to the store', () => {
    expect(records.put(at, firstSeedRecord, 4n, example(), { expiresAt: 17 })).toMatchObject({
      expect: { name: 'first-seed', revision: 4n },
      put: { name: 'first-seed', expiresAt: 17 },
      revision: 5n,
    });
  });

  it('says of a record that is ours but misses a field that it does not fit', async () => {
    const older = defineRecord('first-seed', { gateway: jsonField<string>() });
    const bytes = records.encode(older, place, { gateway: 'g' });
    await expect(records.decode(firstSeedRecord, place, bytes)).rejects.toMatchObject(invalid);
  });

  it('leaves a field of a later version alone that it does not know', async () => {
    const later = defineRecord('first-seed', { gateway: jsonField<string>(), more: jsonField<string>() });
    const earlier = defineRecord('first-seed', { gateway: jsonField<string>() });
    const bytes = records.encode(later, place, { gateway: 'g', more: 'm' });
    expect(await records.decode(earlier, place, bytes)).toEqual({ gateway: 'g' });
  });

  describe('fields', () => {
    const anything = defineRecord('anything', { value: jsonField<unknown>() });
    const through = async (value: unknown) =>
      (await records.decode(anything, place, records.encode(anything, place, { value }))).value;

    it('carry plain data, bigint and bytes, nested in any way (property)', async () => {
      const key = fc.string({ maxLength: 5 }).filter((text) => !text.startsWith('$') && text !== '__proto__');
      const { data } = fc.letrec<{ data: unknown }>((tie) => ({
        data: fc.oneof(
          { depthSize: 'small' },
          fc.constant(null),
          fc.boolean(),
          fc.string(),
          fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
          fc.bigInt(),
          fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
          fc.array(tie('data'), { maxLength: 4 }),
          fc.dictionary(key, tie('data'), { maxKeys: 4, noNullPrototype: true }),
        ),
      }));
      await fc.assert(fc.asyncProperty(data, async (value) => expect(await through(value)).toEqual(value)));
    });

    it('leave out undefined properties', async () => {
      expect(await through({ a: undefined, b: 1 })).toEqual({ b: 1 });
    });

    it.each<[string, unknown]>([
      ['a secret', new FirstSeed(seedBytes)],
      ['a secret deep inside', { a: [{ b: new EntityUserKey(seedBytes) }] }],
      ['a function', () => 1],
      ['a symbol', Symbol('s')],
      ['undefined in a list', [undefined]],
      ['a Date', new Date(0)],
      ['a Map', new Map()],
      ['an infinite number', Infinity],
      ['no number', NaN],
      ['a key like a tag', { $bigint: '1' }],
    ])('refuse %s', (_, value) => {
      expect(() => records.encode(anything, place, { value })).toThrow(TypeError);
    });

    it('hold private keys of any size', async () => {
      const keyRecord = defineRecord('key', { privateKey: secretField(PrivateKeyDer) });
      const bytes = records.encode(keyRecord, place, { privateKey: new PrivateKeyDer(Buffer.alloc(1218, 3)) });
      expect((await records.decode(keyRecord, place, bytes)).privateKey.expose()).toEqual(Buffer.alloc(1218, 3));
    });

    it.each<[string, Record<string, unknown>]>([
      ['misses a field', { seed: new FirstSeed(seedBytes) }],
      ['has a field too many', { ...example(), surplus: 1 }],
      ['has another secret than its type', { ...example(), seed: new SecondSeed(seedBytes) }],
    ])('refuse a value that %s', (_, value) => {
      const wrong = value as RecordOf<(typeof firstSeedRecord)['fields']>;
      expect(() => records.encode(firstSeedRecord, place, wrong)).toThrow(TypeError);
    });

    it('have names', () => {
      expect(() => defineRecord('x', { '': jsonField<string>() })).toThrow(RangeError);
    });
  });
});
