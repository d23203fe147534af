import { bytes, clock, committed, eachStore, fresh, other, put, store } from '../testing/each-store';

eachStore(() => {
  describe('expiry', () => {
    const expiring = async (expiresIn: number) => {
      const at = fresh('expiring');
      await store.commit(at, put('a', 'x', 'absent', clock.now() + expiresIn));
      return at;
    };

    it('keeps a record until its time, and not at its time', async () => {
      const at = await expiring(1_000);
      clock.advance(999);
      expect((await other.read(at, ['a'])).size).toBe(1);
      clock.advance(1);
      expect((await store.read(at, ['a'])).size).toBe(0);
      expect((await other.read(at, ['a'])).size).toBe(0);
    });

    it('judges expectations alike: the revision holds before, absent from then on', async () => {
      const at = await expiring(1_000);
      clock.advance(999);
      const conflict = { ok: false, conflict: 'a' };
      expect(await store.commit(at, { expect: [{ name: 'a', revision: 'absent' }] })).toEqual(conflict);
      committed(await store.commit(at, { expect: [{ name: 'a', revision: 1n }] }));
      clock.advance(1);
      expect(await store.commit(at, { expect: [{ name: 'a', revision: 1n }] })).toEqual(conflict);
      const renewed = await store.commit(at, put('a', 'y'));
      expect(committed(renewed).revisions.get('a')).toBe(1n);
      expect((await store.read(at, ['a'])).get('a')).toEqual({ revision: 1n, value: bytes('y') });
    });

    it.each([
      ['stays when put again without one', undefined, true],
      ['takes the later one when put again', 5_000, true],
      ['takes the earlier one when put again', 10, false],
    ])('of a record %s', async (_, expiresIn, there) => {
      const at = await expiring(1_000);
      await store.commit(at, put('a', 'y', 1n, expiresIn && clock.now() + expiresIn));
      clock.advance(expiresIn === 10 ? 10 : 2_000);
      // other commits of the aggregate sweep what has expired, and only that
      await store.commit(at, put('b', 'z'));
      expect((await store.read(at, ['a'])).has('a')).toBe(there);
    });

    it('in the past makes a record that nobody sees', async () => {
      const at = await expiring(-1);
      expect((await store.read(at, ['a'])).size).toBe(0);
      committed(await store.commit(at, { expect: [{ name: 'a', revision: 'absent' }] }));
    });

    it('of one record leaves the others', async () => {
      const at = await expiring(1_000);
      await store.commit(at, put('b', 'b'));
      clock.advance(100_000);
      await store.commit(at, put('b', 'bb', 1n));
      expect([...(await store.read(at, ['a', 'b'])).keys()]).toEqual(['b']);
    });

    it('of the last record takes the aggregate off the list', async () => {
      const at = await expiring(1_000);
      expect((await store.list('expiring', undefined, 1_000)).items).toContain(at.id);
      clock.advance(1_000);
      expect((await store.list('expiring', undefined, 1_000)).items).not.toContain(at.id);
    });

    it('is what a claim of periodic work needs: one holder at a time, and the next after it', async () => {
      const at = fresh();
      const claim = (by: typeof store) => by.commit(at, put('claim', 'me', 'absent', clock.now() + 30_000));
      const outcomes = await Promise.all([claim(store), claim(other), claim(store), claim(other)]);
      expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
      clock.advance(30_000);
      expect((await claim(other)).ok).toBe(true);
    });
  });
});
