/** What the OSG asks the KMC for, wrong in each field, and out of its order (SECCF-KMC). */
import { KmcServiceService } from '@cpns/contracts';
import { randomBytes } from 'node:crypto';
import type { Expectation, Row } from '../../row';
import type { World } from '../../world';
import { keyAtKmc } from './rpcs';
import { callRow, freshGroupId } from './stage';

const { createKey, createKeyVersion, getKeyVersion, destroyKeyVersion } = KmcServiceService;
const AS_OSG = { at: 'KMC certificate', as: 'service cpns-server', clause: 'SECCF-KMC' } as const;
const CONFLICT: Expectation = { code: 'ABORTED', reason: 'CONFLICT' };
const NOT_FOUND: Expectation = { code: 'NOT_FOUND', reason: 'NOT_FOUND' };
const EXISTS: Expectation = { code: 'ALREADY_EXISTS', reason: 'ALREADY_EXISTS' };
const missing = (field: string): Expectation => ({ code: 'INVALID_ARGUMENT', reason: 'FIELD_MISSING', field });

const freshId = () => randomBytes(16);

const requestIds: readonly Row[] = ([0, 15, 17, 32] as const).flatMap((size) => {
  const spec = {
    ...AS_OSG,
    item: 'a malformed message' as const,
    expect:
      size === 0
        ? missing('request_id')
        : ({ code: 'INVALID_ARGUMENT', reason: 'FIELD_SIZE', field: 'request_id' } as const),
  };
  const wrong = Buffer.alloc(size, 1);
  return [
    callRow({
      ...spec,
      id: `request id of ${size} bytes (CreateKey)`,
      method: createKey,
      messages: () =>
        Promise.resolve({
          good: { groupId: freshGroupId(), requestId: freshId() },
          bad: { groupId: freshGroupId(), requestId: wrong },
        }),
    }),
    callRow({
      ...spec,
      id: `request id of ${size} bytes (CreateKeyVersion)`,
      method: createKeyVersion,
      messages: async (world) => {
        const groupId = await keyAtKmc(world);
        return {
          good: { groupId, previous: 1n, requestId: freshId() },
          bad: { groupId, previous: 2n, requestId: wrong },
        };
      },
    }),
  ];
});

const versions: readonly Row[] = [
  callRow({
    ...AS_OSG,
    id: 'version 0 (GetKeyVersion)',
    item: 'a malformed message',
    method: getKeyVersion,
    expect: missing('version'),
    messages: async (world) => {
      const groupId = await keyAtKmc(world);
      return { good: { groupId, version: 1n }, bad: { groupId, version: 0n } };
    },
  }),
  callRow({
    ...AS_OSG,
    id: 'version 0 (DestroyKeyVersion)',
    item: 'a malformed message',
    method: destroyKeyVersion,
    expect: missing('version'),
    messages: async (world) => {
      const groupId = await keyAtKmc(world);
      return { good: { groupId, version: 1n }, bad: { groupId, version: 0n } };
    },
  }),
  callRow({
    ...AS_OSG,
    id: 'a version that was never made (GetKeyVersion)',
    item: 'a version that was never made',
    method: getKeyVersion,
    expect: NOT_FOUND,
    messages: async (world) => {
      const groupId = await keyAtKmc(world);
      return { good: { groupId, version: 1n }, bad: { groupId, version: 2n } };
    },
  }),
  callRow({
    ...AS_OSG,
    id: 'a version that was never made (DestroyKeyVersion)',
    item: 'a version that was never made',
    method: destroyKeyVersion,
    expect: NOT_FOUND,
    messages: async (world) => {
      const groupId = await keyAtKmc(world);
      return { good: { groupId, version: 1n }, bad: { groupId, version: 2n } };
    },
  }),
  callRow({
    ...AS_OSG,
    id: 'a version that was destroyed (GetKeyVersion)',
    item: 'a version that has retired',
    method: getKeyVersion,
    expect: NOT_FOUND,
    messages: async (world) => {
      const [there, gone] = [await keyAtKmc(world), await keyAtKmc(world)];
      await world.wire(AS_OSG.at, AS_OSG.as).call(destroyKeyVersion, { groupId: gone, version: 1n });
      return { good: { groupId: there, version: 1n }, bad: { groupId: gone, version: 1n } };
    },
  }),
];

/** A key with three versions; the last one's request. */
async function third(world: World) {
  const groupId = await keyAtKmc(world);
  const wire = world.wire(AS_OSG.at, AS_OSG.as);
  await wire.call(createKeyVersion, { groupId, previous: 1n, requestId: freshId() });
  return { groupId, previous: 2n, requestId: freshId() };
}

const order: readonly Row[] = [
  ...([0n, 1n, 2n, 4n, 2n ** 64n - 1n] as const).map((previous) =>
    callRow({
      ...AS_OSG,
      id: `version ${previous} as the one before, where 3 is the newest (CreateKeyVersion)`,
      item: previous > 3n ? 'a revision from the future' : 'a malformed message',
      method: createKeyVersion,
      expect: previous === 0n ? missing('previous') : CONFLICT,
      messages: async (world) => {
        const good = await third(world);
        return {
          good,
          bad: { ...good, previous, requestId: freshId() },
          again: { ...good, previous: 3n, requestId: freshId() },
        };
      },
    }),
  ),
  callRow({
    ...AS_OSG,
    id: 'a second first version (CreateKey)',
    item: 'a group-id that is taken',
    method: createKey,
    expect: EXISTS,
    messages: () => {
      const good = { groupId: freshGroupId(), requestId: freshId() };
      return Promise.resolve({ good, bad: { ...good, requestId: freshId() }, again: good });
    },
  }),
  callRow({
    ...AS_OSG,
    id: 'the request id of another group (CreateKey)',
    item: 'a request id used for something else',
    method: createKey,
    expect: CONFLICT,
    messages: () => {
      const good = { groupId: freshGroupId(), requestId: freshId() };
      const groupId = freshGroupId();
      return Promise.resolve({ good, bad: { ...good, groupId }, again: { groupId, requestId: freshId() } });
    },
  }),
  callRow({
    ...AS_OSG,
    id: 'the request id of another version (CreateKeyVersion)',
    item: 'a request id used for something else',
    method: createKeyVersion,
    expect: CONFLICT,
    messages: async (world) => {
      const good = await third(world);
      return { good, bad: { ...good, previous: 3n }, again: { ...good, previous: 3n, requestId: freshId() } };
    },
  }),
];

export const KMC_ROWS: readonly Row[] = [...requestIds, ...versions, ...order];
