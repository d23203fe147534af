import { failureOf, FakeClock, SeededRandom } from '@cpns/core/testing';
import { rawDump } from '../testing/dump';
import { put } from '../testing/each-store';
import { temporaryStore, type TemporaryStore } from '../testing/temporary-store';
import fc from 'fast-check';
import { DATA_KEYS_RECORD, dataKeysOf } from './data-keys';
import { Sealer, type FieldPlace } from './sealer';
import { FakeMasterKey } from '../testing/sealing';

const place: FieldPlace = { record: 'k/i/n', field: 'f', revision: 3n };
const invalid = { name: 'CpnsError', reason: 'STORED_RECORD_INVALID' };

describe('Sealer', () => {
  let temporary: TemporaryStore;
  beforeEach(async () => {
    temporary = await temporaryStore();
  });
  afterEach(() => temporary.dispose());
  const open = (service = 'cpns-server', masterKey = new FakeMasterKey()) =>
    Sealer.open({ store: temporary.store, service, masterKey, clock: new FakeClock() });

  it('opens what it sealed, whatever it is and wherever it belongs (property)', async () => {
    const sealer = await open();
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ maxLength: 50 }),
        fc.bigInt(1n, 2n ** 64n - 1n),
        (bytes, name, revision) => {
          const at = { record: `k/i/${name}`, field: `f${name}`, revision };
          const sealed = sealer.seal(at, bytes);
          expect(sealed).toHaveLength(bytes.length + 32);
          expect(sealer.open(at, sealed, '1')).toEqual(Buffer.from(bytes));
        },
      ),
    );
  });

  it('takes a fresh salt for every seal', async () => {
    const sealer = await open();
    const salts = Array.from({ length: 50 }, () => sealer.seal(place, Buffer.alloc(32)).toString('hex', 0, 16));
    expect(new Set(salts).size).toBe(50);
  });

  it('opens nothing that was altered at any bit, cut or lengthened', async () => {
    const sealer = await open();
    const sealed = sealer.seal(place, Buffer.from('secret'));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = Buffer.from(sealed);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(failureOf(() => sealer.open(place, altered, '1'))).toMatchObject(invalid);
    }
    for (const cut of [0, 1, 16, 31, sealed.length - 1])
      expect(failureOf(() => sealer.open(place, sealed.subarray(0, cut), '1'))).toMatchObject(invalid);
    expect(failureOf(() => sealer.open(place, Buffer.concat([sealed, Buffer.alloc(1)]), '1'))).toMatchObject(invalid);
  });

  const elsewhere: [string, FieldPlace][] = [
    ['another record', { ...place, record: 'k/i/m' }],
    ['another aggregate', { ...place, record: 'k/j/n' }],
    ['another kind', { ...place, record: 'l/i/n' }],
    ['another field', { ...place, field: 'g' }],
    ['an earlier revision', { ...place, revision: 2n }],
    ['a later revision', { ...place, revision: 4n }],
    ['a boundary of names moved', { ...place, record: 'k/i/', field: 'nf' }],
  ];
  it.each(elsewhere)('opens nothing at %s', async (_, other) => {
    const sealer = await open();
    const sealed = sealer.seal(place, Buffer.from('secret'));
    expect(sealer.open(place, sealed, '1').toString()).toBe('secret');
    expect(failureOf(() => sealer.open(other, sealed, '1'))).toMatchObject(invalid);
  });

  it.each(elsewhere.filter(([, { field }]) => field === 'f'))('verifies no MAC at %s', async (_, other) => {
    const sealer = await open();
    const value = Buffer.from('value');
    const mac = sealer.mac(place, value);
    sealer.verify(place, value, mac, '1');
    expect(failureOf(() => sealer.verify(other, value, mac, '1'))).toMatchObject(invalid);
  });

  it('verifies no MAC that was altered, cut or of another value', async () => {
    const sealer = await open();
    const value = Buffer.from('value');
    const mac = sealer.mac(place, value);
    expect(failureOf(() => sealer.verify(place, Buffer.from('Value'), mac, '1'))).toMatchObject(invalid);
    expect(failureOf(() => sealer.verify(place, value, mac.subarray(1), '1'))).toMatchObject(invalid);
    for (let at = 0; at < mac.length; at++) {
      const altered = Buffer.from(mac);
      altered[at]! ^= 0x80;
      expect(failureOf(() => sealer.verify(place, value, altered, '1'))).toMatchObject(invalid);
    }
  });

  it('shares nothing between services, even under one data key', async () => {
    const [one, two] = [await open('cpns-server'), await open('kmc')];
    expect(failureOf(() => two.open(place, one.seal(place, Buffer.from('x')), '1'))).toMatchObject(invalid);
    // the same wrapped keys, copied by whoever can write the store
    const kept = await temporary.store.read(dataKeysOf('cpns-server'), [DATA_KEYS_RECORD]);
    const { value } = kept.get(DATA_KEYS_RECORD)!;
    await temporary.store.commit(dataKeysOf('smf'), put(DATA_KEYS_RECORD, value));
    const three = await open('smf');
    expect(failureOf(() => three.open(place, one.seal(place, Buffer.from('x')), '1'))).toMatchObject(invalid);
    const mac = one.mac(place, value);
    expect(failureOf(() => three.verify(place, value, mac, '1'))).toMatchObject(invalid);
  });

  it('seals under the new key after a rotation, and opens what the old ones sealed, also after a start', async () => {
    const sealer = await open();
    const [old, oldMac] = [sealer.seal(place, Buffer.from('old')), sealer.mac(place, Buffer.from('v'))];
    expect(await sealer.rotate()).toBe('2');
    const fresh = sealer.seal(place, Buffer.from('new'));
    for (const each of [sealer, await open()]) {
      expect(each.currentKeyId).toBe('2');
      expect(each.open(place, old, '1').toString()).toBe('old');
      expect(each.open(place, fresh, '2').toString()).toBe('new');
      each.verify(place, Buffer.from('v'), oldMac, '1');
      expect(failureOf(() => each.open(place, old, '2'))).toMatchObject(invalid);
      expect(failureOf(() => each.open(place, fresh, '1'))).toMatchObject(invalid);
      expect(failureOf(() => each.verify(place, Buffer.from('v'), oldMac, '2'))).toMatchObject(invalid);
    }
  });

  it('learns of a rotation by another process when it meets the new key', async () => {
    const [one, two] = [await open(), await open()];
    await one.rotate();
    const sealed = one.seal(place, Buffer.from('x'));
    expect(failureOf(() => two.open(place, sealed, '2'))).toMatchObject(invalid);
    await two.ready('2', place.record);
    expect(two.open(place, sealed, '2').toString()).toBe('x');
    expect(two.currentKeyId).toBe('2');
    await expect(two.ready('3', place.record)).rejects.toMatchObject(invalid);
  });

  it('makes one first key when many processes start at once, and one new key when they rotate at once', async () => {
    const sealers = await Promise.all(Array.from({ length: 8 }, () => open()));
    const sealed = sealers.map((each) => each.seal(place, Buffer.from('x')));
    for (const each of sealers) for (const bytes of sealed) expect(each.open(place, bytes, '1').toString()).toBe('x');
    expect(await Promise.all(sealers.map((each) => each.rotate()))).toEqual(Array(8).fill('2'));
  });

  it('does not start under another master key', async () => {
    await open();
    await expect(open('cpns-server', new FakeMasterKey('another'))).rejects.toMatchObject(invalid);
  });

  it.each<[string, string]>([
    ['no JSON', '{'],
    ['no list', '{}'],
    ['an empty list', '[]'],
    ['a list of nothing', '[null]'],
    ['a key out of order', '[{"id":"2","madeAt":1,"wrapped":""}]'],
    ['a key of the wrong size', '[{"id":"1","madeAt":1,"wrapped":"AAAA"}]'],
  ])('does not start on data keys that are %s', async (_, text) => {
    await temporary.store.commit(dataKeysOf('cpns-server'), put(DATA_KEYS_RECORD, text));
    await expect(open()).rejects.toMatchObject(invalid);
  });

  it('keeps no data key in the store in the clear', async () => {
    const dataKey = new SeededRandom('data').bytes(32);
    const random = new SeededRandom('data');
    await Sealer.open({ store: temporary.store, service: 'kmc', masterKey: new FakeMasterKey(), random });
    const raw = Buffer.concat((await rawDump(temporary.store)).flatMap(({ key, value }) => [key, value]));
    expect(raw.includes('wrapped')).toBe(true);
    for (const form of [dataKey, dataKey.toString('hex'), dataKey.toString('base64')])
      expect(raw.includes(form)).toBe(false);
  });

  it('tells a caller nothing about the record', async () => {
    const sealer = await open();
    const error = failureOf(() => sealer.open(place, Buffer.alloc(40), '1'));
    expect(error?.message).not.toContain('k/i/n');
    expect(error?.metadata).toEqual({});
    expect(String(error?.cause)).toContain('k/i/n');
  });

  it('needs a name for a field', async () => {
    const sealer = await open();
    expect(() => sealer.seal({ ...place, field: '' }, Buffer.alloc(1))).toThrow(RangeError);
  });
});
