import { bytes, committed, type Fixture } from './contract-fixture';

export function registerExpiryCases(fixture: Fixture): void {
  describe('expiry', () => {
    const put = async (expiresIn: number | undefined, name = 'a') => {
      const { store, clock, fresh } = fixture;
      const at = fresh('expiring');
      const expiresAt = expiresIn === undefined ? {} : { expiresAt: clock.now() + expiresIn };
      await store.commit(at, {
        expect: [{ name, revision: 'absent' }],
        put: [{ name, value: bytes('x'), ...expiresAt }],
      });
      return at;
    };

    it('keeps a record until its time, and not at its time', async () => {
      const { store, other, clock } = fixture;
      const at = await put(1_000);
      clock.advance(999);
      expect((await other.read(at, ['a'])).size).toBe(1);
      clock.advance(1);
      expect((await store.read(at, ['a'])).size).toBe(0);
      expect((await other.read(at, ['a'])).size).toBe(0);
    });

    it('judges expectations alike: the revision holds before, absent from then on', async () => {
      const { store, clock } = fixture;
      const at = await put(1_000);
      clock.advance(999);
      expect(await store.commit(at, { expect: [{ name: 'a', revision: 'absent' }] })).toEqual({
        ok: false,
        conflict: 'a',
      });
      committed(await store.commit(at, { expect: [{ name: 'a', revision: 1n }] }));
      clock.advance(1);
      expect(await store.commit(at, { expect: [{ name: 'a', revision: 1n }] })).toEqual({ ok: false, conflict: 'a' });
      const renewed = await store.commit(at, {
        expect: [{ name: 'a', revision: 'absent' }],
        put: [{ name: 'a', value: bytes('y') }],
      });
      expect(committed(renewed).revisions.get('a')).toBe(1n);
      expect((await store.read(at, ['a'])).get('a')).toEqual({ revision: 1n, value: bytes('y') });
    });

    it.each([
      ['stays when put again without one', undefined, true],
      ['takes the later one when put again', 5_000, true],
      ['takes the earlier one when put again', 10, false],
    ])('of a record %s', async (_, expiresIn, there) => {
      const { store, clock } = fixture;
      const at = await put(1_000);
      await store.commit(at, {
        expect: [{ name: 'a', revision: 1n }],
        put: [{ name: 'a', value: bytes('y'), ...(expiresIn && { expiresAt: clock.now() + expiresIn }) }],
      });
      clock.advance(expiresIn === 10 ? 10 : 2_000);
      // other commits of the aggregate sweep what has expired, and only that
      await store.commit(at, { expect: [{ name: 'b', revision: 'absent' }], put: [{ name: 'b', value: bytes('z') }] });
      expect((await store.read(at, ['a'])).has('a')).toBe(there);
    });

    it('in the past makes a record that nobody sees', async () => {
      const { store } = fixture;
      const at = await put(-1);
      expect((await store.read(at, ['a'])).size).toBe(0);
      committed(await store.commit(at, { expect: [{ name: 'a', revision: 'absent' }] }));
    });

    it('of one record leaves the others', async () => {
      const { store, clock } = fixture;
      const at = await put(1_000);
      await store.commit(at, { expect: [{ name: 'b', revision: 'absent' }], put: [{ name: 'b', value: bytes('b') }] });
      clock.advance(100_000);
      await store.commit(at, { expect: [{ name: 'b', revision: 1n }], put: [{ name: 'b', value: bytes('bb') }] });
      expect([...(await store.read(at, ['a', 'b'])).keys()]).toEqual(['b']);
    });

    it('of the last record takes the aggregate off the list', async () => {
      const { store, clock } = fixture;
      const at = await put(1_000);
      expect((await store.list('expiring', undefined, 1_000)).items).toContain(at.id);
      clock.advance(1_000);
      expect((await store.list('expiring', undefined, 1_000)).items).not.toContain(at.id);
    });

    it('is what a claim of periodic work needs: one holder at a time, and the next after it', async () => {
      const { store, other, clock, fresh } = fixture;
      const at = fresh();
      const claim = (by: typeof store) =>
        by.commit(at, {
          expect: [{ name: 'claim', revision: 'absent' }],
          put: [{ name: 'claim', value: bytes('me'), expiresAt: clock.now() + 30_000 }],
        });
      const outcomes = await Promise.all([claim(store), claim(other), claim(store), claim(other)]);
      expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
      clock.advance(30_000);
      expect((await claim(other)).ok).toBe(true);
    });
  });
}
