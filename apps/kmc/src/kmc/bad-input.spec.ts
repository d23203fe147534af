/** What bad input gets at the KMC, each RPC with each fault (SECCF-KMC): refused as documented, and nothing is stored. */
import type { CreateKeyRequest, CreateKeyVersionRequest, GetKeyVersionRequest } from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import {
  deletedGroup,
  expectRefusal,
  GROUP_ID_FAULTS,
  ONE_OF_EACH,
  refusesBadInput,
  unknownGroup,
  type BadInput,
  type Fault,
  type OfGroup,
} from '@cpns/platform/testing';
import { FailingStore } from '@cpns/store/testing';
import { randomBytes } from 'node:crypto';
import type { KmcController } from './kmc.controller';
import { World } from './testing/world';

const AT = 'KMC certificate';
const NOT_FOUND = 'NOT_FOUND/NOT_FOUND';
const CONFLICT = 'ABORTED/CONFLICT';

const world = perFile(new World());
let kmc: KmcController;
beforeAll(() => (kmc = world.kmc.rpc));

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

const refuses = <R>(input: BadInput<R>) => refusesBadInput(() => world.store, AT, input);

const UNKNOWN = unknownGroup(freshId);
const REQUEST_IDS = [0, 15, 17, 32].map((size): Fault<Pick<CreateKeyRequest, 'requestId'>> => [
  `request id of ${size} bytes`,
  { requestId: Buffer.alloc(size, 1) },
  `INVALID_ARGUMENT/${size === 0 ? 'FIELD_MISSING' : 'FIELD_SIZE'} request_id`,
]);

const create = () => ({ groupId: freshId(), requestId: requestId() });
refuses<CreateKeyRequest>({
  name: 'CreateKey',
  good: create,
  send: (request) => kmc.createKey(request),
  faults: [
    ...GROUP_ID_FAULTS,
    deletedGroup(ended, 'ALREADY_EXISTS/ALREADY_EXISTS'),
    ...REQUEST_IDS,
    [
      'a second first version',
      async () => ({ groupId: await key(), requestId: requestId() }),
      'ALREADY_EXISTS/ALREADY_EXISTS',
    ],
    [
      'the request id of another group',
      async () => {
        const other = create();
        await kmc.createKey(other);
        return { requestId: other.requestId };
      },
      CONFLICT,
    ],
  ],
});

refuses<CreateKeyVersionRequest>({
  name: 'CreateKeyVersion',
  good: async () => ({ groupId: await key(3), previous: 3n, requestId: requestId() }),
  send: (request) => kmc.createKeyVersion(request),
  faults: [
    ...ONE_OF_EACH,
    UNKNOWN,
    deletedGroup(ended, NOT_FOUND),
    ...REQUEST_IDS,
    ...[0n, 1n, 2n, 4n, 2n ** 64n - 1n].map((previous): Fault<CreateKeyVersionRequest> => [
      `version ${previous} as the one before, where 3 is the newest`,
      { previous },
      previous === 0n ? 'INVALID_ARGUMENT/FIELD_MISSING previous' : CONFLICT,
    ]),
    [
      'the request id of another version',
      async (good) => {
        await kmc.createKeyVersion(good);
        return { previous: 4n };
      },
      CONFLICT,
    ],
  ],
});

type Get = Fault<GetKeyVersionRequest>;
const NO_VERSION: Get = ['version 0', { version: 0n }, 'INVALID_ARGUMENT/FIELD_MISSING version'];
const NEVER_MADE: Get = ['a version that was never made', { version: 2n }, NOT_FOUND];
const destroyed = async () => {
  const groupId = await key();
  await kmc.destroyKeyVersion({ groupId, version: 1n });
  return { groupId };
};
const first = async () => ({ groupId: await key(), version: 1n });
refuses<GetKeyVersionRequest>({
  name: 'GetKeyVersion',
  good: first,
  send: (request) => kmc.getKeyVersion(request),
  faults: [
    ...ONE_OF_EACH,
    UNKNOWN,
    deletedGroup(ended, NOT_FOUND),
    NO_VERSION,
    NEVER_MADE,
    ['a version that was destroyed', destroyed, NOT_FOUND],
    // CSKMF has a version destroyed when it retires
    ['a version that has retired', destroyed, NOT_FOUND],
  ],
});
refuses<GetKeyVersionRequest>({
  name: 'DestroyKeyVersion',
  good: first,
  send: (request) => kmc.destroyKeyVersion(request),
  faults: [...ONE_OF_EACH, UNKNOWN, NO_VERSION, NEVER_MADE],
});
refuses<OfGroup>({
  name: 'DestroyKey',
  good: async () => ({ groupId: await key() }),
  send: (request) => kmc.destroyKey(request),
  faults: [...ONE_OF_EACH, UNKNOWN],
});

test(`CreateKey, Redis stopped, ${AT}: UNAVAILABLE/DEPENDENCY_UNAVAILABLE`, async () => {
  const store = new FailingStore(world.store);
  const { rpc } = await world.process(() => store);
  const request = create();
  store.isAway = true;
  await expectRefusal(world.store, () => rpc.createKey(request), 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
  store.isAway = false;
  await rpc.createKey(request);
});
