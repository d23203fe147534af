import { dump } from '@cpns/store/testing';
import { openWorld, reasonOf, requestId, type Kmc, type World } from './testing/world';

let world: World;
let kmc: Kmc;
beforeEach(async () => {
  world = await openWorld();
  ({ kmc } = world);
});
afterEach(() => world.dispose());

describe('CreateKey', () => {
  it('makes version 1, 32 bytes, another key for each group', async () => {
    const [a, b] = [await kmc.create('a', 1), await kmc.create('b', 2)];
    expect([a.groupId, a.version, a.groupKey.length]).toEqual(['a', 1n, 32]);
    expect(b.version).toBe(1n);
    expect(b.groupKey.equals(a.groupKey)).toBe(false);
  });

  it('answers the same request the same, in another process and after an update too', async () => {
    const first = await kmc.create('g', 1);
    expect(await kmc.create('g', 1)).toEqual(first);
    await kmc.createVersion('g', 1n, 2);
    expect(await (await world.process()).create('g', 1)).toEqual(first);
  });

  const refused: [string, (kmc: Kmc) => Promise<unknown>, string][] = [
    ['no group-id', (k) => k.createWith({ groupId: '', requestId: requestId(9) }), 'INVALID_ARGUMENT/FIELD_MISSING'],
    ['a group-id of 65', (k) => k.create('g'.repeat(65), 9), 'INVALID_ARGUMENT/FIELD_TOO_LONG'],
    ['a group-id with a slash', (k) => k.create('a/b', 9), 'INVALID_ARGUMENT/NAME_INVALID'],
    ['a group-id that begins with a dot', (k) => k.create('.a', 9), 'INVALID_ARGUMENT/NAME_INVALID'],
    [
      'no request id',
      (k) => k.createWith({ groupId: 'n', requestId: Buffer.alloc(0) }),
      'INVALID_ARGUMENT/FIELD_MISSING',
    ],
    ['15 bytes', (k) => k.createWith({ groupId: 'n', requestId: Buffer.alloc(15, 1) }), 'INVALID_ARGUMENT/FIELD_SIZE'],
    ['17 bytes', (k) => k.createWith({ groupId: 'n', requestId: Buffer.alloc(17, 1) }), 'INVALID_ARGUMENT/FIELD_SIZE'],
    ['a group with a key', (k) => k.create('g', 9), 'ALREADY_EXISTS/ALREADY_EXISTS'],
    ['a group whose key was destroyed', (k) => k.create('gone', 9), 'ALREADY_EXISTS/ALREADY_EXISTS'],
    ['the same request, its key destroyed', (k) => k.create('gone', 2), 'ALREADY_EXISTS/ALREADY_EXISTS'],
    ['the same request, its version destroyed', (k) => k.create('old', 3), 'NOT_FOUND/NOT_FOUND'],
    ['the request id of another group', (k) => k.create('n', 1), 'ABORTED/CONFLICT'],
    ['the request id of an update', (k) => k.create('n', 4), 'ABORTED/CONFLICT'],
  ];
  it.each(refused)('refuses %s, and changes nothing', async (_, call, expected) => {
    await kmc.create('g', 1);
    await kmc.create('gone', 2);
    await kmc.destroy('gone');
    await kmc.create('old', 3);
    await kmc.createVersion('old', 1n, 4);
    await kmc.destroyVersion('old', 1n);
    const before = await dump(world.store);
    expect(await reasonOf(call(kmc))).toBe(expected);
    expect(await dump(world.store)).toEqual(before);
  });
});
