import {
  derToPem,
  newPrivateKey,
  pemToDers,
  privateKeyPem,
  signerFromPkcs8,
  verifyChain,
} from '@cpns/certificate-issuance';
import { EntityUserKey, systemClock, systemRandom } from '@cpns/core';
import { perTest, TemporaryDirectory } from '@cpns/core/testing';
import { deriveKeyId, formatOneTimeString, type OneTimeString } from '@cpns/key-derivation';
import { ENTITY, FakeAssigner, FakeGateway, GATEWAY, SERVER, type Admit } from '@cpns/pne-sdk/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from './result-file';
import { runDevice } from './run-device';

let assigner: FakeAssigner;
let gateway: FakeGateway;

/** Each run opens and closes a store on disk. */
jest.setTimeout(30_000);

beforeAll(async () => {
  assigner = await FakeAssigner.create(systemClock);
  gateway = await FakeGateway.start(assigner, new MemoryLog().logger);
});
afterAll(() => gateway.stop());
const directory = perTest(new TemporaryDirectory());
beforeEach(() => {
  directory.write('master.key', randomBytes(32));
  gateway.callers.splice(0);
  gateway.unavailable = 0;
});

const path = (name: string) => directory.join(name);
const admit = (one: Omit<Admit, 'endpoint'>) => assigner.admit({ ...one, endpoint: gateway.tokenAddress });
const stringFile = (oneTime: OneTimeString) => directory.write('one-time-string', `${formatOneTimeString(oneTime)}\n`);

/** One run of the program, in the environment that every run has and more. */
async function run(env: Record<string, string | undefined>) {
  const lines: string[] = [];
  const code = await runDevice({
    stderr: { write: (text: string) => lines.push(text) },
    env: {
      CPNS_STORE: `embedded:${path('store')}`,
      CPNS_MASTER_KEY_FILE: path('master.key'),
      CPNS_GATEWAY_CERTIFICATE_ADDRESS: gateway.certificateAddress,
      CPNS_RESULT_FILE: path('result.json'),
      ...env,
    },
  });
  const plain = lines.filter((line) => !line.startsWith('{'));
  const result = existsSync(path('result.json'))
    ? (JSON.parse(readFileSync(path('result.json'), 'utf8')) as Result)
    : undefined;
  return { code, plain, text: lines.join(''), result };
}

const runWith = (oneTime: OneTimeString, env: Record<string, string> = {}) =>
  run({ CPNS_ONE_TIME_STRING_FILE: stringFile(oneTime), ...env });

const storedBytes = () =>
  Buffer.concat(readdirSync(path('store')).map((name) => readFileSync(join(path('store'), name))));

const CASES = [
  ['secret', 'server'],
  ['secret', 'gateway'],
  ['key-pair', 'server'],
  ['key-pair', 'gateway'],
] as const;

describe('a device program', () => {
  it.each(CASES)('is assigned a %s by the %s, registers and proves it in one run', async (form, by) => {
    const { code, plain, result } = await runWith(admit({ form, by, user: 'alice' }));
    expect(plain).toEqual([]);
    expect(code).toBe(0);
    expect(result).toMatchObject({
      stage: 'live',
      entity: ENTITY,
      user: 'alice',
      form,
      assigner: by === 'server' ? SERVER : GATEWAY,
      keyId: deriveKeyId(assigner.keys.get(ENTITY)!),
      notAfter: expect.any(Number) as number,
    });
    expect(result!.chain === null).toBe(form === 'secret');
    expect(gateway.callers).toMatchObject([{ entity: ENTITY, user: 'alice' }]);
  });

  it.each(CASES)('goes on where it stopped with a %s from the %s, and needs no string for it', async (form, by) => {
    const oneTime = admit({ form, by });
    const assigned = await runWith(oneTime, { CPNS_UNTIL: 'assigned' });
    expect(assigned).toMatchObject({
      code: 0,
      result: { stage: form === 'secret' && by === 'server' ? 'live' : 'assigned' },
    });
    const registered = await run({ CPNS_UNTIL: 'registered' });
    expect(registered).toMatchObject({ code: 0, result: { stage: 'live' } });
    expect(gateway.callers).toHaveLength(0);
    const requests = [assigner.assignments.length, assigner.registrations.length];
    await expect(runWith(oneTime)).resolves.toMatchObject({ code: 0 });
    expect([assigner.assignments.length, assigner.registrations.length]).toEqual(requests);
    expect(gateway.callers).toHaveLength(1);
  });

  it('certifies the key that it has already', async () => {
    const privateKey = newPrivateKey();
    const { code, result } = await runWith(admit({ form: 'key-pair', by: 'gateway' }), {
      CPNS_PRIVATE_KEY_FILE: directory.write('key.pem', privateKeyPem(privateKey)),
    });
    expect(code).toBe(0);
    const peer = verifyChain({ chain: pemToDers(result!.chain!), root: assigner.root, now: Date.now() });
    expect(peer.spki).toEqual(signerFromPkcs8(privateKey).publicKey.spki);
  });

  it('uses a pre-shared key', async () => {
    const secret = new EntityUserKey(systemRandom.bytes(32));
    const entity = 'cpns://pn1.example.org/pne/manufactured';
    assigner.keys.set(entity, secret);
    const { code, plain, result } = await run({
      CPNS_PRE_SHARED_KEY_FILE: directory.write('psk', `${secret.expose().toString('hex')}\n`),
      CPNS_ENTITY: entity,
      CPNS_GATEWAY: GATEWAY,
      CPNS_GATEWAY_ADDRESS: gateway.tokenAddress,
      CPNS_ROOT_FILE: directory.write('root.pem', derToPem(assigner.root)),
    });
    expect(plain).toEqual([]);
    expect(code).toBe(0);
    expect(result).toMatchObject({ stage: 'live', entity, keyId: deriveKeyId(secret), notAfter: null });
    expect(gateway.callers).toMatchObject([{ entity, by: { kind: 'proof' } }]);
  });

  it('waits for the Server as long as it is told', async () => {
    const oneTime = stringFile(admit({ form: 'secret', by: 'gateway' }));
    gateway.unavailable = 1;
    const impatient = await run({ CPNS_ONE_TIME_STRING_FILE: oneTime });
    expect(impatient.code).toBe(1);
    expect(impatient.plain).toEqual([expect.stringMatching(/^pne: DEPENDENCY_UNAVAILABLE: .+\n$/)]);
    gateway.unavailable = 2;
    await expect(run({ CPNS_ONE_TIME_STRING_FILE: oneTime, CPNS_WAIT_FOR_SERVER: '10s' })).resolves.toMatchObject({
      code: 0,
    });
  });

  it('says in one line what it was refused', async () => {
    const oneTime = { ...admit({ form: 'secret', by: 'server' }), tokenId: 'unknown' };
    const { code, plain, result } = await runWith(oneTime);
    expect(code).toBe(1);
    expect(plain).toEqual(['pne: TOKEN_UNKNOWN: no such token\n']);
    expect(result).toBeUndefined();
  });

  it('does not open a store with another master key', async () => {
    const oneTime = stringFile(admit({ form: 'secret', by: 'server' }));
    await expect(run({ CPNS_ONE_TIME_STRING_FILE: oneTime })).resolves.toMatchObject({ code: 0 });
    writeFileSync(path('master.key'), randomBytes(32));
    await expect(run({})).resolves.toMatchObject({
      code: 1,
      plain: [expect.stringContaining('STORED_RECORD_INVALID')],
    });
  });

  it.each(CASES)('lets no secret of a %s from the %s out, at trace level', async (form, by) => {
    const oneTime = admit({ form, by });
    const { code, text, result } = await runWith(oneTime, { CPNS_LOG_LEVEL: 'trace' });
    expect(code).toBe(0);
    // what is no secret is found, so the search works
    expect(storedBytes().includes(GATEWAY)).toBe(true);
    const places = [text, JSON.stringify(result), storedBytes().toString('latin1')];
    for (const secret of [oneTime.secret, assigner.keys.get(ENTITY)!])
      for (const encoding of ['latin1', 'hex', 'base64', 'base64url'] as const)
        for (const place of places) expect(place.includes(secret.expose().toString(encoding))).toBe(false);
  });
});

describe('a wrong configuration is one sentence and code 78', () => {
  const psk = () => directory.write('psk', 'ab'.repeat(32));
  const rest = () => ({
    CPNS_ENTITY: ENTITY,
    CPNS_GATEWAY: GATEWAY,
    CPNS_GATEWAY_ADDRESS: '127.0.0.1:1',
    CPNS_ROOT_FILE: directory.write('root.pem', derToPem(assigner.root)),
  });

  it.each<[string, () => Record<string, string | undefined>, string]>([
    ['no way to a key', () => ({}), 'CPNS_ONE_TIME_STRING_FILE'],
    ['a file that is not there', () => ({ CPNS_ONE_TIME_STRING_FILE: path('nowhere') }), 'CPNS_ONE_TIME_STRING_FILE'],
    [
      'a one-time string that was cut',
      () => ({
        CPNS_ONE_TIME_STRING_FILE: directory.write(
          'cut',
          formatOneTimeString(admit({ form: 'secret', by: 'server' })).slice(0, -9),
        ),
      }),
      'CPNS_ONE_TIME_STRING_FILE',
    ],
    ['no store', () => ({ CPNS_STORE: undefined }), 'CPNS_STORE'],
    ['a store of a server', () => ({ CPNS_STORE: 'redis://127.0.0.1' }), 'CPNS_STORE'],
    ['no master key', () => ({ CPNS_MASTER_KEY_FILE: undefined }), 'CPNS_MASTER_KEY_FILE'],
    ['CPNS_UNTIL of no stage (pne)', () => ({ CPNS_UNTIL: 'sometime' }), 'CPNS_UNTIL'],
    [
      'a pre-shared key of another size',
      () => ({ CPNS_PRE_SHARED_KEY_FILE: directory.write('psk', 'abcd'), ...rest() }),
      'CPNS_PRE_SHARED_KEY_FILE',
    ],
    ['a pre-shared key alone', () => ({ CPNS_PRE_SHARED_KEY_FILE: psk() }), 'CPNS_PRE_SHARED_KEY_FILE'],
    ['an entity without a pre-shared key', () => ({ ...rest() }), 'CPNS_PRE_SHARED_KEY_FILE'],
    [
      'both ways to a key',
      () => ({
        CPNS_PRE_SHARED_KEY_FILE: psk(),
        ...rest(),
        CPNS_ONE_TIME_STRING_FILE: stringFile(admit({ form: 'secret', by: 'server' })),
      }),
      'CPNS_PRE_SHARED_KEY_FILE',
    ],
    [
      'two roots',
      () => ({
        CPNS_PRE_SHARED_KEY_FILE: psk(),
        ...rest(),
        CPNS_ROOT_FILE: directory.write('two.pem', derToPem(assigner.root).repeat(2)),
      }),
      'CPNS_ROOT_FILE',
    ],
    [
      'a private key that is none',
      () => ({ CPNS_PRIVATE_KEY_FILE: directory.write('key.pem', 'a key') }),
      'CPNS_PRIVATE_KEY_FILE',
    ],
    ['a misspelt setting', () => ({ CPNS_UNTILL: 'proved' }), 'CPNS_UNTIL'],
  ])('%s', async (_what, env, variable) => {
    const { code, plain } = await run(env());
    expect(code).toBe(78);
    expect(plain).toEqual([expect.stringContaining(variable)]);
    expect(plain[0]!.split('\n')).toHaveLength(2);
    expect(plain[0]).not.toMatch(/cpns1\.|abab/);
  });

  it('is refused when others may read the master key', async () => {
    chmodSync(path('master.key'), 0o644);
    const { code, plain } = await runWith(admit({ form: 'secret', by: 'server' }));
    expect(code).toBe(78);
    expect(plain).toEqual([expect.stringContaining('master key')]);
  });
});
