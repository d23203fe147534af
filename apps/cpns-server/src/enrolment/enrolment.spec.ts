/** What operators have the CPNS Server take in: admissions, keys and 1st seeds of manufacture (Q2), and what it refuses them. */
import { AdmissionState, EntityRole, KeyForm, KeyState, type AdmitEntityRequest } from '@cpns/contracts';
import { duration } from '@cpns/core';
import { refusalOf, refusesBadInput, type BadInput, type Fault } from '@cpns/platform/testing';
import { randomBytes } from 'node:crypto';
import { ServerWorld } from '../testing/key-world';

let world: ServerWorld;
beforeAll(async () => {
  world = await ServerWorld.start();
});
afterAll(() => world.stop());

const refuses = <R>(input: BadInput<R>) => refusesBadInput(() => world.store, 'Server certificate', input);

const OUT = 'INVALID_ARGUMENT/FIELD_OUT_OF_RANGE';
const NOT_PROVISIONED = 'FAILED_PRECONDITION/GATEWAY_NOT_PROVISIONED';
const time = (milliseconds: number) => BigInt(world.now() + milliseconds);
/** Of a time that is to come. */
const times = <R>(field: string, name: keyof R & string): readonly Fault<R>[] => [
  [`no ${field}`, { [name]: 0n } as Partial<R>, `INVALID_ARGUMENT/FIELD_MISSING ${field}`],
  [`a ${field} that is no time`, { [name]: 1n << 60n } as Partial<R>, `${OUT} ${field}`],
  [`a ${field} that has passed`, () => ({ [name]: time(-1) }) as Partial<R>, `${OUT} ${field}`],
];
const secrets = <R>(field: string, name: keyof R & string): readonly Fault<R>[] => [
  [`no ${field}`, { [name]: Buffer.alloc(0) } as Partial<R>, `INVALID_ARGUMENT/FIELD_MISSING ${field}`],
  [`a short ${field}`, { [name]: Buffer.alloc(31, 1) } as Partial<R>, `INVALID_ARGUMENT/FIELD_SIZE ${field}`],
];

/** The 1st seed of the first case of `second-seed.json`. */
const KEY_OF_VECTORS = Buffer.from('e80f69cb06205a1ccc8046c4e7c4718ff105360b87fce1db7c649a8a85376ab5', 'hex');
const TAKEN = 'ALREADY_EXISTS/ALREADY_EXISTS';
/** Secrets that were imported for an entity, and for the gateway of the tests. */
const taken = { key: randomBytes(32), seed: randomBytes(32) };
beforeAll(async () => {
  const { enrolment } = world.operator;
  const until = time(duration(1, 'hour'));
  await enrolment.importEntityUserKey({ entity: world.entity(), user: '', entityUserKey: taken.key, notAfter: until });
  const limits = { assignUntil: until, registerUntil: until, maxEntities: 1 };
  await enrolment.importFirstSeed({ gateway: world.probe.uri, firstSeedId: 'taken', firstSeed: taken.seed, ...limits });
});

describe('AdmitEntity', () => {
  const { ENTITY_ROLE_PN_GW: PN_GW, ENTITY_ROLE_TARGET_ENTITY: TARGET } = EntityRole;
  const { KEY_FORM_KEY_PAIR: PAIR, KEY_FORM_SECRET: SECRET } = KeyForm;
  const admit = (request: AdmitEntityRequest) => world.operator.enrolment.admitEntity(request);
  const common = () => ({
    user: '',
    assigner: '',
    tokenAuthKey: randomBytes(32),
    expiresAt: time(60_000),
    ipAddresses: [],
  });
  const target = (): AdmitEntityRequest => ({
    ...common(),
    entity: world.entity(),
    role: TARGET,
    form: SECRET,
    dnsNames: [],
  });
  const gateway = (): AdmitEntityRequest => ({
    ...common(),
    entity: world.entity('pn3', 'pn-gw'),
    role: PN_GW,
    form: PAIR,
    dnsNames: ['localhost'],
  });

  refuses<AdmitEntityRequest>({
    name: 'AdmitEntity of a target entity',
    good: target,
    send: admit,
    faults: [
      ['another trust domain', { entity: 'cpns://pn1.other.example/pne/e' }, 'PERMISSION_DENIED/TRUST_DOMAIN'],
      ['no role', { role: EntityRole.ENTITY_ROLE_UNSPECIFIED }, `${OUT} role`],
      ['no form', { form: KeyForm.KEY_FORM_UNSPECIFIED }, `${OUT} form`],
      ['names to be served under', { dnsNames: ['localhost'] }, `${OUT} dns_names`],
      ['an assigner that is a PNE', () => ({ assigner: world.entity() }), 'INVALID_ARGUMENT/NAME_INVALID assigner'],
      ['an assigner of another PN', () => ({ assigner: world.other.uri }), 'PERMISSION_DENIED/PN_MISMATCH'],
      ['an assigner that has not enrolled', () => ({ assigner: world.gatewayUri }), NOT_PROVISIONED],
      [
        'itself as assigner',
        () => ({ entity: world.probe.uri, assigner: world.probe.uri }),
        'PERMISSION_DENIED/GATEWAY_MISMATCH',
      ],
      ['a life of over 30 days', () => ({ expiresAt: time(duration(30, 'day') + 1) }), `${OUT} expires_at`],
      ...times<AdmitEntityRequest>('expires_at', 'expiresAt'),
      ...secrets<AdmitEntityRequest>('token_auth_key', 'tokenAuthKey'),
    ],
  });

  const crowd = Array.from({ length: 100 }, (_, n) => `n${n}.example`);
  refuses<AdmitEntityRequest>({
    name: 'AdmitEntity of a PN GW',
    good: gateway,
    send: admit,
    faults: [
      ['a PNE', () => ({ entity: world.entity() }), `${OUT} entity`],
      ['form secret', { form: SECRET }, `${OUT} form`],
      ['a user', { user: 'alice' }, `${OUT} user`],
      ['a gateway as assigner', () => ({ entity: world.gatewayUri, assigner: world.probe.uri }), `${OUT} assigner`],
      ['no names', { dnsNames: [] }, 'INVALID_ARGUMENT/FIELD_MISSING dns_names'],
      ['a name in capitals', { dnsNames: ['GW.example'] }, 'INVALID_ARGUMENT/NAME_INVALID dns_names'],
      ['an address that is none', { ipAddresses: ['127.0.0'] }, 'INVALID_ARGUMENT/NAME_INVALID ip_addresses'],
      ['an address with a zone', { ipAddresses: ['fe80::1%eth0'] }, 'INVALID_ARGUMENT/NAME_INVALID ip_addresses'],
      ['more names than a certificate holds', { dnsNames: crowd }, 'INVALID_ARGUMENT/FIELD_TOO_LONG dns_names'],
    ],
  });

  it('hands A to the gateway that assigns', async () => {
    const undelivered = async () =>
      (await world.operator.enrolment.getGateway({ entity: world.probe.uri })).gateway!.undelivered;
    const before = await undelivered();
    const request = { ...target(), assigner: world.probe.uri };
    const { admission } = await admit(request);
    expect(await undelivered()).toBe(before + 1n);
    expect(admission).toMatchObject({ delivered: false, state: AdmissionState.ADMISSION_STATE_OPEN });
    // ends with a revocation, of which the gateway hears as well, and no less when it is said twice
    for (const { entity, tokenId } of [admission!, admission!]) await world.operator.revokeAdmission(entity, tokenId);
    expect(await undelivered()).toBe(before + 2n);
    expect(await world.operator.admissions(request.entity)).toMatchObject([
      { state: AdmissionState.ADMISSION_STATE_REVOKED },
    ]);
  });

  it('keeps 64 admissions of an entity, and makes room of those that can lead to nothing more', async () => {
    const { entity } = target();
    for (let n = 0; n < 64; n += 1) await admit({ ...target(), entity, expiresAt: time(1_000 + n) });
    expect(await refusalOf(() => admit({ ...target(), entity }))).toMatchObject({ reason: 'LIMIT_REACHED' });
    await world.pass(1_000);
    await admit({ ...target(), entity });
    expect(await world.operator.admissions(entity)).toHaveLength(64);
  });
});

describe('ImportEntityUserKey', () => {
  const good = () => ({ entity: world.entity(), user: '', entityUserKey: randomBytes(32), notAfter: time(60_000) });
  const send = (request: ReturnType<typeof good>) => world.operator.enrolment.importEntityUserKey(request);

  type Import = ReturnType<typeof good>;
  refuses<Import>({
    name: 'ImportEntityUserKey',
    good,
    send,
    faults: [
      ['another trust domain', { entity: 'cpns://pn1.other.example/pne/e' }, 'PERMISSION_DENIED/TRUST_DOMAIN'],
      ['a user outside its pattern', { user: 'two words' }, 'INVALID_ARGUMENT/NAME_INVALID user'],
      ...times<Import>('not_after', 'notAfter'),
      ...secrets<Import>('entity_user_key', 'entityUserKey'),
      ['a key of zeros', { entityUserKey: Buffer.alloc(32) }, `${OUT} entity_user_key`],
      ['a key of the vectors', { entityUserKey: KEY_OF_VECTORS }, `${OUT} entity_user_key`],
      ['the key of another entity', () => ({ entityUserKey: taken.key }), TAKEN],
      ['a 1st seed', () => ({ entityUserKey: taken.seed }), TAKEN],
    ],
  });

  it('is the live key, the same when it comes again, and none once it was revoked', async () => {
    const request = good();
    const { keyId } = await send(request);
    const { key } = await world.operator.entityUserKeys.getEntityUserKey(request);
    expect(key).toMatchObject({ state: KeyState.KEY_STATE_LIVE, keyId });
    expect(await send(request)).toEqual({ keyId });
    await world.operator.revokeKey(request.entity);
    expect(await refusalOf(() => send(request))).toMatchObject({ reason: 'KEY_REVOKED' });
  });
});

describe('ImportFirstSeed', () => {
  const good = () => ({
    gateway: world.probe.uri,
    firstSeedId: `seed-${randomBytes(6).toString('hex')}`,
    firstSeed: randomBytes(32),
    assignUntil: time(60_000),
    registerUntil: time(60_000),
    maxEntities: 1,
  });
  const send = (request: ReturnType<typeof good>) => world.operator.enrolment.importFirstSeed(request);

  type Import = ReturnType<typeof good>;
  refuses<Import>({
    name: 'ImportFirstSeed',
    good,
    send,
    faults: [
      ['a gateway that has not enrolled', () => ({ gateway: world.gatewayUri }), NOT_PROVISIONED],
      ['an id outside its pattern', { firstSeedId: 'a/b' }, 'INVALID_ARGUMENT/NAME_INVALID first_seed_id'],
      ['no entity', { maxEntities: 0 }, `${OUT} max_entities`],
      ['an end before it is assigned with', () => ({ registerUntil: time(59_999) }), `${OUT} register_until`],
      ...times<Import>('assign_until', 'assignUntil'),
      ...secrets<Import>('first_seed', 'firstSeed'),
      ['a seed of zeros', { firstSeed: Buffer.alloc(32) }, `${OUT} first_seed`],
      ['a seed of the vectors', { firstSeed: KEY_OF_VECTORS }, `${OUT} first_seed`],
      ['the seed of another id', () => ({ firstSeed: taken.seed }), TAKEN],
      ['the seed of another gateway', () => ({ gateway: world.other.uri, firstSeed: taken.seed }), TAKEN],
      ['the key of an entity', () => ({ firstSeed: taken.key }), TAKEN],
    ],
  });

  it('is one seed of its id, which does not come back once it was revoked', async () => {
    const request = good();
    await send(request);
    await send(request);
    expect(await refusalOf(() => send({ ...request, maxEntities: 2 }))).toMatchObject({ reason: 'ALREADY_EXISTS' });
    await world.operator.enrolment.revokeFirstSeed(request);
    expect(await refusalOf(() => send(request))).toMatchObject({ reason: 'FIRST_SEED_REVOKED' });
  });
});

test.each([
  ['an admission', () => world.operator.revokeAdmission(world.entity(), 'no-token')],
  ['a key', () => world.operator.revokeKey(world.entity())],
  ['a 1st seed', () => world.operator.enrolment.revokeFirstSeed({ gateway: world.probe.uri, firstSeedId: 'no-seed' })],
  ['a gateway', () => world.operator.enrolment.getGateway({ entity: world.gatewayUri })],
  ['the key of an entity', () => world.operator.entityUserKeys.getEntityUserKey({ entity: world.entity() })],
  ['the admissions of an entity', () => world.operator.admissions(world.entity())],
])('%s that is not there is not found', async (_what, call) => {
  expect(await refusalOf(call)).toMatchObject({ code: 'NOT_FOUND', reason: 'NOT_FOUND' });
});

it('lists gateways and keys page by page', async () => {
  const { gateways, nextPageToken } = await world.operator.enrolment.listGateways({ pageSize: 1, pageToken: '' });
  const rest = await world.operator.enrolment.listGateways({ pageSize: 10, pageToken: nextPageToken });
  const found = [...gateways, ...rest.gateways].map(({ entity }) => entity);
  expect(found).toEqual(expect.arrayContaining([world.probe.uri, world.other.uri]));
  const { keys } = await world.operator.entityUserKeys.listEntityUserKeys({ pageSize: 0, pageToken: '' });
  expect(keys.length).toBeGreaterThan(0);
});
