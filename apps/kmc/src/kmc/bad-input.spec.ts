/** What bad input gets at the KMC, each RPC with each fault (SECCF-KMC): refused as documented, and nothing is stored. */
import type { CreateKeyRequest, CreateKeyVersionRequest, GetKeyVersionRequest } from '@cpns/contracts';
import {
  expectRefusal,
  groupIdFaults,
  ONE_OF_EACH,
  refusesBadInput,
  type BadInput,
  type Fault,
} from '@cpns/platform/testing';
import { FailingStore } from '@cpns/store/testing';
import { randomBytes } from 'node:crypto';
import { KmcController } from './kmc.controller';
import { openWorld, type World } from './testing/world';

const AT = 'KMC certificate';
const NOT_FOUND = 'NOT_FOUND/NOT_FOUND';
const CONFLICT = 'ABORTED/CONFLICT';

let world: World;
let kmc: KmcController;
beforeAll(async () => {
  world = await openWorld();
  kmc = world.kmc.module.get(KmcController);
});
afterAll(() => world.dispose());

const requestId = () => randomBytes(16);
const freshId = () => `group-${randomBytes(8).toString('hex')}`;

/** A key with so many versions. @returns its group-id */
async function key(versions = 1): Promise<string> {
  const groupId = freshId();
  await kmc.createKey({ groupId, requestId: requestId() });
  for (let previous = 1n; previous < versions; previous += 1n)
    await kmc.createKeyVersion({ groupId, previous, requestId: requestId() });
  return groupId;
}
async function ended(): Promise<string> {
  const groupId = await key();
  await kmc.destroyKey({ groupId });
  return groupId;
}

const refuses = <R>(input: Omit<BadInput<R>, 'at'>) => refusesBadInput(() => world.store, { at: AT, ...input });

interface OfGroup {
  readonly groupId: string;
}
const unknown = <R extends OfGroup>(): Fault<R> => ({
  id: 'unknown group',
  bad: (good) => ({ ...good, groupId: freshId() }),
  expect: NOT_FOUND,
});
const deleted = <R extends OfGroup>(expected: string): Fault<R> => ({
  id: 'deleted group',
  bad: async (good) => ({ ...good, groupId: await ended() }),
  expect: expected,
});
const requestIds = <R extends { readonly requestId: Buffer }>(): Fault<R>[] =>
  [0, 15, 17, 32].map((size) => ({
    id: `request id of ${size} bytes`,
    bad: (good) => ({ ...good, requestId: Buffer.alloc(size, 1) }),
    expect: `INVALID_ARGUMENT/${size === 0 ? 'FIELD_MISSING' : 'FIELD_SIZE'} request_id`,
  }));

const create = () => ({ groupId: freshId(), requestId: requestId() });
refuses<CreateKeyRequest>({
  name: 'CreateKey',
  good: create,
  send: (request) => kmc.createKey(request),
  faults: [
    ...groupIdFaults<CreateKeyRequest>(),
    deleted('ALREADY_EXISTS/ALREADY_EXISTS'),
    ...requestIds<CreateKeyRequest>(),
    {
      id: 'a second first version',
      bad: async () => ({ groupId: await key(), requestId: requestId() }),
      expect: 'ALREADY_EXISTS/ALREADY_EXISTS',
    },
    {
      id: 'the request id of another group',
      bad: async (good) => {
        const other = create();
        await kmc.createKey(other);
        return { ...good, requestId: other.requestId };
      },
      expect: CONFLICT,
    },
  ],
});

refuses<CreateKeyVersionRequest>({
  name: 'CreateKeyVersion',
  good: async () => ({ groupId: await key(3), previous: 3n, requestId: requestId() }),
  send: (request) => kmc.createKeyVersion(request),
  faults: [
    ...groupIdFaults<CreateKeyVersionRequest>(ONE_OF_EACH),
    unknown<CreateKeyVersionRequest>(),
    deleted<CreateKeyVersionRequest>(NOT_FOUND),
    ...requestIds<CreateKeyVersionRequest>(),
    ...[0n, 1n, 2n, 4n, 2n ** 64n - 1n].map((previous) => ({
      id: `version ${previous} as the one before, where 3 is the newest`,
      bad: (good: CreateKeyVersionRequest) => ({ ...good, previous }),
      expect: previous === 0n ? 'INVALID_ARGUMENT/FIELD_MISSING previous' : CONFLICT,
    })),
    {
      id: 'the request id of another version',
      bad: async (good) => {
        await kmc.createKeyVersion(good);
        return { ...good, previous: 4n };
      },
      expect: CONFLICT,
    },
  ],
});

const NO_VERSION: Fault<GetKeyVersionRequest> = {
  id: 'version 0',
  bad: (good) => ({ ...good, version: 0n }),
  expect: 'INVALID_ARGUMENT/FIELD_MISSING version',
};
const NEVER_MADE: Fault<GetKeyVersionRequest> = {
  id: 'a version that was never made',
  bad: (good) => ({ ...good, version: 2n }),
  expect: NOT_FOUND,
};
const destroyed = (id: string): Fault<GetKeyVersionRequest> => ({
  id,
  bad: async (good) => {
    const groupId = await key();
    await kmc.destroyKeyVersion({ groupId, version: 1n });
    return { ...good, groupId };
  },
  expect: NOT_FOUND,
});
const first = async () => ({ groupId: await key(), version: 1n });
refuses<GetKeyVersionRequest>({
  name: 'GetKeyVersion',
  good: first,
  send: (request) => kmc.getKeyVersion(request),
  faults: [
    ...groupIdFaults<GetKeyVersionRequest>(ONE_OF_EACH),
    unknown(),
    deleted(NOT_FOUND),
    NO_VERSION,
    NEVER_MADE,
    destroyed('a version that was destroyed'),
    // CSKMF has a version destroyed when it retires
    destroyed('a version that has retired'),
  ],
});
refuses<GetKeyVersionRequest>({
  name: 'DestroyKeyVersion',
  good: first,
  send: (request) => kmc.destroyKeyVersion(request),
  faults: [...groupIdFaults<GetKeyVersionRequest>(ONE_OF_EACH), unknown(), NO_VERSION, NEVER_MADE],
});
refuses<OfGroup>({
  name: 'DestroyKey',
  good: async () => ({ groupId: await key() }),
  send: (request) => kmc.destroyKey(request),
  faults: [...groupIdFaults(ONE_OF_EACH), unknown()],
});

test(`CreateKey, Redis stopped, ${AT}: UNAVAILABLE/DEPENDENCY_UNAVAILABLE`, async () => {
  const store = new FailingStore(world.store);
  const controller = (await world.process(() => store)).module.get(KmcController);
  const request = create();
  store.isAway = true;
  await expectRefusal(world.store, () => controller.createKey(request), 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
  store.isAway = false;
  await controller.createKey(request);
});
