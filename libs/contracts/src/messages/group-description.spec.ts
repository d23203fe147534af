import { GroupDescription as Wire, GroupKeyDeliveryMode } from '../generated/cpns/v1/service_group_types';
import { faultOf, itHolds } from '@cpns/core/testing';
import { DESCRIPTION_DEFAULTS, type GroupDescription } from '@cpns/group-key';
import fc from 'fast-check';
import { groupDescription, wireGroupDescription } from './group-description';

const description: GroupDescription = {
  groupId: 'g1',
  displayName: 'Fire brigade',
  delivery: 'push',
  sealPeriod: 60_000,
  updatePeriod: 0,
  maxMembers: 10,
  openToJoin: true,
  ...DESCRIPTION_DEFAULTS,
};

const throughTheWire = (sent: GroupDescription) =>
  groupDescription(Wire.decode(Wire.encode(wireGroupDescription(sent)).finish()));

describe('a group description on the wire', () => {
  itHolds(
    'comes back as it was sent',
    [
      fc.constantFrom('pull' as const, 'push' as const),
      fc.string({ unit: 'grapheme-ascii', maxLength: 128 }),
      fc.integer({ min: 1_000, max: 2_592_000_000 }),
      fc.integer({ min: 1, max: 100_000 }),
      fc.boolean(),
    ],
    (delivery, displayName, sealPeriod, maxMembers, openToJoin) => {
      const sent = { ...description, delivery, displayName, sealPeriod, maxMembers, openToJoin };
      expect(throughTheWire(sent)).toEqual(sent);
    },
  );

  it.each<Partial<GroupDescription>>([
    { delivery: 'push', updatePeriod: 90_000, activationDelay: 20_000, joinWindow: 5_000, joinKeepsVersion: true },
    { delivery: 'pull', updatePeriod: 90_000, preparedVersions: 8 },
  ])('comes back with its settings: %j', (settings) => {
    const sent = { ...description, ...settings };
    expect(throughTheWire(sent)).toEqual(sent);
  });

  const wire = wireGroupDescription(description);
  it.each<[string, Wire | undefined, string]>([
    ['is there', wire, 'accepted'],
    ['is missing', undefined, 'FIELD_MISSING description'],
    ['has no id', { ...wire, groupId: '' }, 'FIELD_MISSING group_id'],
    [
      'has no mode',
      { ...wire, delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_UNSPECIFIED },
      'FIELD_OUT_OF_RANGE delivery',
    ],
    ['has an unknown mode', { ...wire, delivery: 77 as GroupKeyDeliveryMode }, 'FIELD_OUT_OF_RANGE delivery'],
    ['has a limit below zero', { ...wire, maxMembers: -1 }, 'FIELD_OUT_OF_RANGE max_members'],
  ])('%s', (_what, message, expected) => {
    expect(faultOf(() => groupDescription(message))).toBe(expected);
  });
});
