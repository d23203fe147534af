import { itHolds } from '@cpns/core/testing';
import { newPrivateKey } from '@cpns/certificate-issuance';
import { EntityUserKey, HpkePrivateKey, PrivateKeyDer, SecondSeed, Secret, TokenAuthKey } from '@cpns/core';
import { recordsOn, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import fc from 'fast-check';
import type { Assigned } from '../protocol/assignment';
import type { Admitted } from '../protocol/admitted';
import { decodeExchange, deviceAggregate, encodeExchange, SealedDeviceStates } from './sealed-device-states';
import { NEW_DEVICE, type DeviceContent, type Exchange, type GatewayIdentity, type LiveKey } from './device-state';

let temporary: TemporaryStore;

beforeEach(async () => {
  temporary = await temporaryStore();
});
afterEach(() => temporary.dispose());

const open = async (name?: string) => new SealedDeviceStates(await recordsOn(temporary.store), name);

/** Secrets in the clear, so that states can be compared by what they hold. */
const bare = (value: unknown): unknown => {
  if (value instanceof Secret) return { [value.constructor.name]: value.expose().toString('hex') };
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (Array.isArray(value)) return value.map(bare);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, bare(one)]));
  return value;
};

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size }).map((array) => Buffer.from(array));
const some = fc.uint8Array({ minLength: 1, maxLength: 90 }).map((array) => Buffer.from(array));
const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);
const time = fc.nat();
const secret = <T>(type: new (b: Uint8Array) => T) => bytes(32).map((b) => new type(b));
const der = some.map((b) => new PrivateKeyDer(b));
const chain = fc.array(some, { minLength: 1, maxLength: 4 });

type Form = 'secret' | 'key-pair';
const home = { entity: word, endpoint: word, root: some };
const admitted = (form: Form): fc.Arbitrary<Admitted> => {
  const [user, role] = [fc.oneof(word, fc.constant('')), fc.constantFrom('target-entity' as const, 'pn-gw' as const)];
  return fc.record({ ...home, tokenId: word, user, form: fc.constant(form), role, peer: word });
};
const given = { assigner: word, notAfter: time };
const seed = fc.record({ firstSeedId: word, secondSeed: secret(SecondSeed) });
const assigned = (form: Form): fc.Arbitrary<Assigned> =>
  form === 'secret'
    ? fc.record(
        { ...given, form: fc.constant(form), secret: secret(EntityUserKey), seed },
        { requiredKeys: ['form', 'assigner', 'notAfter', 'secret'] },
      )
    : fc.record(
        { ...given, form: fc.constant(form), chain, privateKey: der },
        { requiredKeys: ['form', 'assigner', 'notAfter', 'chain'] },
      );
const asked = (form: Form) => ({ admitted: admitted(form), authKey: secret(TokenAuthKey), request: some });
const assigning = (form: Form) =>
  form === 'secret'
    ? fc.record({ ...asked(form), hpkeKey: secret(HpkePrivateKey) })
    : fc.record({ ...asked(form), privateKey: der }, { requiredKeys: ['admitted', 'authKey', 'request'] });
const registering = (form: Form) =>
  form === 'secret'
    ? fc.record({ form: fc.constant(form), nonce: bytes(16) })
    : fc.record({ form: fc.constant(form), hpkeKey: secret(HpkePrivateKey), signature: some });
const exchange = (form: Form): fc.Arbitrary<Exchange> => {
  const known = { admitted: admitted(form), assigned: assigned(form) };
  return fc.oneof(
    fc.record({ stage: fc.constant('assigning' as const), pending: assigning(form) }),
    fc.record({ stage: fc.constant('assigned' as const), ...known }),
    fc.record({ stage: fc.constant('registering' as const), ...known, pending: registering(form) }),
  );
};
const form = fc.constantFrom<Form[]>('secret', 'key-pair');
const names = { user: word, gateway: word, tokenId: word, assigner: word, keyId: word };
const live: fc.Arbitrary<LiveKey> = fc.record(
  { ...home, ...names, form, secret: secret(EntityUserKey), notAfter: time, chain, privateKey: der },
  { requiredKeys: ['entity', 'user', 'gateway', 'endpoint', 'root', 'form', 'tokenId', 'assigner', 'secret', 'keyId'] },
);
const own = { entity: word, tokenId: word, notAfter: time, chain, privateKey: der, root: some };
const identity: fc.Arbitrary<GatewayIdentity> = fc.record(own);
const content: fc.Arbitrary<DeviceContent> = fc.record(
  { exchange: fc.oneof(exchange('secret'), exchange('key-pair')), live, identity },
  { requiredKeys: [] },
);

describe('SealedDeviceStates', () => {
  it('begins with a device that is new', async () => {
    expect(await (await open()).read()).toEqual(NEW_DEVICE);
  });

  it('reads back whatever was put, in place of what was there', async () => {
    const states = await open();
    await fc.assert(
      fc.asyncProperty(content, async (next) => {
        const before = await states.read();
        const after = await states.replace(before, next);
        expect(after.serial).toBe(before.serial + 1);
        expect(bare(await states.read())).toEqual(bare(after));
        expect(bare(after)).toEqual(bare({ ...next, serial: after.serial }));
      }),
      { numRuns: 20 },
    );
  }, 30_000);

  itHolds(
    'groups an exchange again as it was, from its flat record',
    [fc.oneof(exchange('secret'), exchange('key-pair'))],
    (one) => {
      expect(bare(decodeExchange({ ...encodeExchange(one) }))).toEqual(bare(one));
    },
    { numRuns: 300 },
  );

  it.each(['authKey', 'request'] as const)('refuses a request that waits without its %s', (name) => {
    const asking = fc.sample(exchange('secret'), 100).find(({ stage }) => stage === 'assigning')!;
    const { [name]: taken, ...record } = encodeExchange(asking);
    expect(taken).toBeDefined();
    expect(() => decodeExchange(record)).toThrow(expect.objectContaining({ reason: 'STORED_RECORD_INVALID' }) as Error);
  });

  it('lets one of two processes change it', async () => {
    const [one, other] = [await open(), await open()];
    const [before] = fc.sample(content, 1) as [DeviceContent];
    await one.replace(NEW_DEVICE, before);
    await expect(other.replace(NEW_DEVICE, before)).rejects.toMatchObject({ reason: 'CONFLICT' });
    await expect(other.replace(await other.read(), {})).resolves.toMatchObject({ serial: 2 });
  });

  it('keeps devices of different names apart', async () => {
    const [one, other] = [await open('one'), await open('other')];
    await one.replace(NEW_DEVICE, {});
    expect(await other.read()).toEqual(NEW_DEVICE);
  });

  it('stores no secret in the clear', async () => {
    const states = await open();
    const key = new EntityUserKey(Buffer.from('a secret that has 32 bytes in it'));
    const privateKey = newPrivateKey();
    const home = { entity: 'E', user: '', gateway: 'G', endpoint: 'h:1', root: Buffer.from('root') };
    const rest = { form: 'secret', tokenId: '', assigner: 'S', keyId: 'id' } as const;
    await states.replace(NEW_DEVICE, { live: { ...home, ...rest, secret: key, privateKey } });
    const stored = await temporary.store.read(deviceAggregate('self'), ['key']);
    const value = stored.get('key')!.value;
    expect(value.includes('"gateway":"G"')).toBe(true);
    for (const one of [key, privateKey])
      for (const encoding of ['hex', 'base64', 'latin1'] as const)
        expect(value.toString('latin1')).not.toContain(one.expose().toString(encoding));
  });

  it('refuses records that were put together from different times', async () => {
    const states = await open();
    const { store } = temporary;
    const [first, second] = fc.sample(live, 2) as [LiveKey, LiveKey];
    await states.replace(NEW_DEVICE, { live: first });
    const head = (await store.read(deviceAggregate('self'), ['head'])).get('head')!;
    await states.replace(await states.read(), { live: second });
    const now = await store.read(deviceAggregate('self'), ['head', 'key']);
    expect(now.get('head')!.revision).toBe(2n);
    // back to the first head, under the revision that it was sealed for
    const aggregate = deviceAggregate('self');
    await store.commit(aggregate, { expect: [{ name: 'head', revision: 2n }], delete: ['head'] });
    await store.commit(aggregate, {
      expect: [{ name: 'head', revision: 'absent' }],
      put: [{ name: 'head', value: head.value }],
    });
    await expect(states.read()).rejects.toMatchObject({ reason: 'STORED_RECORD_INVALID' });
  });
});
