import {
  advanceKey,
  advanceVersion,
  KMC_KEY_LIFE_CYCLE,
  KMC_VERSION_LIFE_CYCLE,
  type KeyEvent,
  type KeyState,
  type VersionState,
} from './records';

const KEY: Readonly<Record<KeyState, Partial<Record<KeyEvent, KeyState>>>> = {
  live: { destroy: 'ending' },
  ending: { destroy: 'ending', cleared: 'ended' },
  ended: { destroy: 'ended', cleared: 'ended' },
};

describe('the life cycle of a key', () => {
  const pairs = (Object.keys(KEY) as KeyState[]).flatMap((state) =>
    (['destroy', 'cleared'] as const).map((event) => [state, event, KEY[state][event]] as const),
  );

  it.each(pairs)('%s, %s: %s', (state, event, next) => {
    if (next === undefined)
      expect(() => advanceKey(state, event)).toThrow(expect.objectContaining({ reason: 'INTERNAL' }) as Error);
    else expect(advanceKey(state, event)).toBe(next);
  });

  it('leads to live from nowhere', () => {
    expect(KMC_KEY_LIFE_CYCLE.filter(({ next }) => next === 'live')).toEqual([]);
  });
});

describe('the life cycle of a version', () => {
  it.each<VersionState>(['live', 'destroyed'])('%s, destroy: destroyed', (state) => {
    expect(advanceVersion(state, 'destroy')).toBe('destroyed');
  });

  it('leads to live from nowhere', () => {
    expect(KMC_VERSION_LIFE_CYCLE.filter(({ next }) => next === 'live')).toEqual([]);
  });
});
