import { Settlements } from './settlements';

describe('settlements', () => {
  it('reach those that wait for their group, once', async () => {
    const settlements = new Settlements();
    const seen: string[] = [];
    const wait = (groupId: string, name: string) => {
      const { settled, cancel } = settlements.next(groupId);
      void settled.then(() => seen.push(name));
      return cancel;
    };
    wait('a', 'first');
    wait('a', 'second');
    wait('b', 'other');
    settlements.settle('a');
    settlements.settle('a');
    await Promise.resolve();
    expect(seen).toEqual(['first', 'second']);
    wait('a', 'later')();
    settlements.settle('a');
    await Promise.resolve();
    expect(seen).toEqual(['first', 'second']);
  });
});
