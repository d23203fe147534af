import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EntityUserKey } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import type { Aggregate } from '../port';
import { temporaryStore, type TemporaryStore } from '../testing/temporary-store';
import { at, defineRecord, expiring, jsonField, openRecords, optional, secretField, type Records } from '..';

const COUNTER = defineRecord('counter', { count: jsonField<number>() });
const HOLDER = defineRecord('holder', {
  secret: secretField(EntityUserKey),
  note: optional(jsonField<{ readonly bytes: Buffer; readonly big: bigint }>()),
});
const aggregate: Aggregate = { kind: 'thing', id: 'cpns://pn1.td.example/pne/a' };

describe('records', () => {
  const clock = new FakeClock();
  let temporary: TemporaryStore;
  let records: Records;

  beforeEach(async () => {
    temporary = await temporaryStore(clock);
    const masterKeyFile = join(temporary.directory, 'master.key');
    writeFileSync(masterKeyFile, Buffer.alloc(32, 7).toString('hex'));
    chmodSync(masterKeyFile, 0o600);
    records = await openRecords({ store: temporary.store, service: 'test', masterKeyFile });
  });
  afterEach(() => temporary.dispose());

  const count = async () => (await records.read(aggregate, { counter: at(COUNTER) })).counter?.count;
  const increment = () =>
    records.transact(aggregate, { counter: at(COUNTER) }, ({ counter }) => {
      const next = (counter?.count ?? 0) + 1;
      return { result: next, put: { counter: { count: next } } };
    });

  it('gives back what was put, secrets in their types', async () => {
    const secret = new EntityUserKey(Buffer.alloc(32, 9));
    const note = { bytes: Buffer.from([1, 2]), big: 1n << 60n };
    const held = { result: undefined, put: { holder: { secret, note } } };
    await records.transact(aggregate, { holder: at(HOLDER, 'h1') }, () => held);
    const { holder, other } = await records.read(aggregate, { holder: at(HOLDER, 'h1'), other: at(HOLDER, 'h2') });
    expect(holder?.secret).toBeInstanceOf(EntityUserKey);
    expect(holder?.secret.equals(secret)).toBe(true);
    expect(holder?.note).toEqual(note);
    expect(other).toBeUndefined();
  });

  it('loses no change when many decide at once', async () => {
    const results = await Promise.all(Array.from({ length: 40 }, increment));
    expect(new Set(results).size).toBe(40);
    expect(await count()).toBe(40);
  });

  it('decides on what was seen before, and again on what another wrote meanwhile', async () => {
    const wanted = { counter: at(COUNTER) };
    const decisions: number[] = [];
    const decide = ({ counter }: { counter: { count: number } | undefined }) => {
      decisions.push(counter?.count ?? 0);
      return { result: undefined, put: { counter: { count: 100 } } };
    };
    await records.transact(aggregate, wanted, decide, await records.snapshot(aggregate, wanted));
    const stale = await records.snapshot(aggregate, wanted);
    await increment();
    await records.transact(aggregate, wanted, decide, stale);
    expect([decisions, await count()]).toEqual([[0, 100, 101], 100]);
  });

  it('takes any name for a name, also one that objects have from elsewhere', async () => {
    const wanted = Object.fromEntries(['__proto__', 'constructor'].map((name) => [name, at(COUNTER, name)]));
    expect(Object.keys(await records.read(aggregate, wanted))).toEqual([]);
    await records.transact(aggregate, wanted, () => ({
      result: undefined,
      put: Object.fromEntries(Object.keys(wanted).map((name) => [name, { count: 1 }])),
    }));
    expect(Object.keys(await records.read(aggregate, wanted))).toEqual(['__proto__', 'constructor']);
  });

  it('changes nothing when the decision throws, or decides nothing', async () => {
    await increment();
    const refuse = records.transact(aggregate, { counter: at(COUNTER) }, () => {
      throw new Error('refused');
    });
    await expect(refuse).rejects.toThrow('refused');
    await records.transact(aggregate, { counter: at(COUNTER) }, () => ({ result: undefined }));
    const { revision } = (await temporary.store.read(aggregate, ['counter'])).get('counter') ?? {};
    expect([await count(), revision]).toEqual([1, 1n]);
  });

  it('deletes with null, and takes a record that is absent for deleted', async () => {
    await increment();
    const gone = { result: undefined, put: { counter: null } };
    for (let i = 0; i < 2; i++) await records.transact(aggregate, { counter: at(COUNTER) }, () => gone);
    expect(await count()).toBeUndefined();
  });

  it('lets a value end', async () => {
    const end = clock.now() + 1_000;
    const ending = { result: undefined, put: { counter: expiring({ count: 5 }, end) } };
    await records.transact(aggregate, { counter: at(COUNTER) }, () => ending);
    clock.advance(999);
    expect(await count()).toBe(5);
    clock.advance(1);
    expect(await count()).toBeUndefined();
    expect(await increment()).toBe(1);
  });

  it('commits sets and logs together with records', async () => {
    const member = 'cpns://pn1.td.example/pne/b';
    await records.transact(aggregate, { counter: at(COUNTER) }, () => ({
      result: undefined,
      put: { counter: { count: 1 } },
      addTo: [{ set: 'served', member }],
      append: [{ log: 'log', dedupeId: 'one', value: Buffer.from('entry') }],
    }));
    expect(await temporary.store.isMember(aggregate, 'served', member)).toBe(true);
    const entry = { log: 'log', dedupeId: 'two', value: Buffer.from('entry') };
    expect(await temporary.store.commit(aggregate, { append: [entry] })).toMatchObject({ sequences: [2n] });
  });
});
