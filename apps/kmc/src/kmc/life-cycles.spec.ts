import {
  advance,
  KMC_KEY_LIFE_CYCLE,
  KMC_VERSION_LIFE_CYCLE,
  type KeyEvent,
  type KeyState,
  type VersionState,
} from './kmc.controller';

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
      expect(() => advance(KMC_KEY_LIFE_CYCLE, state, event)).toThrow(
        expect.objectContaining({ reason: 'INTERNAL' }) as Error,
      );
    else expect(advance(KMC_KEY_LIFE_CYCLE, state, event)).toBe(next);
  });

  it('leads to live from nowhere', () => {
    expect(KMC_KEY_LIFE_CYCLE.filter(({ next }) => next === 'live')).toEqual([]);
  });
});

describe('the life cycle of a version', () => {
  it.each<VersionState>(['live', 'destroyed'])('%s, destroy: destroyed', (state) => {
    expect(advance(KMC_VERSION_LIFE_CYCLE, state, 'destroy')).toBe('destroyed');
  });

  it('leads to live from nowhere', () => {
    expect(KMC_VERSION_LIFE_CYCLE.filter(({ next }) => next === 'live')).toEqual([]);
  });
});
