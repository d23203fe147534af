import { advanceDevice, DEVICE_LIFE_CYCLE, type DeviceEvent, type DeviceStage } from './device-state';

const STAGES: readonly DeviceStage[] = ['new', 'assigning', 'assigned', 'registering', 'live', 'enrolled'];
const EVENTS = ['ask', 'accept', 'accept-live', 'accept-identity', 'register', 'confirm', 'import'] as const;

const TABLE: Readonly<Record<DeviceStage, Partial<Record<DeviceEvent, DeviceStage>>>> = {
  new: { ask: 'assigning', import: 'live' },
  assigning: { ask: 'assigning', accept: 'assigned', 'accept-live': 'live', 'accept-identity': 'enrolled' },
  assigned: { ask: 'assigning', register: 'registering' },
  registering: { ask: 'assigning', confirm: 'live' },
  live: { ask: 'assigning', import: 'live' },
  enrolled: { ask: 'assigning' },
};

describe('the life cycle of a device', () => {
  const pairs = STAGES.flatMap((stage) => EVENTS.map((event) => [stage, event, TABLE[stage][event]] as const));

  it.each(pairs)('%s, %s: %s', (stage, event, next) => {
    if (next === undefined)
      expect(() => advanceDevice(stage, event)).toThrow(expect.objectContaining({ reason: 'INTERNAL' }) as Error);
    else expect(advanceDevice(stage, event)).toBe(next);
  });

  it('has no row twice', () => {
    const keys = DEVICE_LIFE_CYCLE.map(({ state, event }) => `${state}/${event}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
