/** A device program that stays and does what command files say. */
import { systemClock } from '@cpns/core';
import { perTest, TemporaryDirectory } from '@cpns/core/testing';
import { deriveKeyId, formatOneTimeString } from '@cpns/key-derivation';
import { FakeAssigner, FakeGateway } from '@cpns/pne-sdk/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runDevice } from '../run-device';

jest.setTimeout(60_000);

let assigner: FakeAssigner;
let gateway: FakeGateway;
const directory = perTest(new TemporaryDirectory());

beforeAll(async () => {
  assigner = await FakeAssigner.create(systemClock);
  gateway = await FakeGateway.start(assigner, new MemoryLog().logger);
});
afterAll(() => gateway.stop());

class Program {
  readonly entity: string;
  readonly lines: string[] = [];
  readonly exit: Promise<number>;
  #number: number;
  #stop = () => undefined as void;

  constructor(
    readonly name: string,
    env: Record<string, string> = {},
    first = 1,
  ) {
    this.entity = `cpns://pn1.example.org/pne/${name}`;
    this.#number = first;
    mkdirSync(this.path('commands'), { recursive: true });
    if (!existsSync(this.path('master.key'))) this.prepare();
    this.exit = runDevice({
      env: {
        CPNS_STORE: `embedded:${this.path('store')}`,
        CPNS_MASTER_KEY_FILE: this.path('master.key'),
        CPNS_ONE_TIME_STRING_FILE: this.path('one-time-string'),
        CPNS_RESULT_FILE: this.path('result.json'),
        CPNS_COMMAND_DIRECTORY: this.path('commands'),
        CPNS_LOG_LEVEL: 'trace',
        ...env,
      },
      stderr: { write: (text: string) => this.lines.push(text) },
      once: (_signal, listener) => (this.#stop = listener),
    });
  }

  path(name: string): string {
    return directory.join(`${this.name}/${name}`);
  }

  private prepare(): void {
    const admitted = { form: 'secret', by: 'server', entity: this.entity, endpoint: gateway.tokenAddress } as const;
    writeFileSync(this.path('master.key'), randomBytes(32), { mode: 0o600 });
    writeFileSync(this.path('one-time-string'), formatOneTimeString(assigner.admit(admitted)), { mode: 0o600 });
  }

  /** Once it is where CPNS_UNTIL says: the Server of the groups learns its key. */
  async ready(): Promise<this> {
    while (!existsSync(this.path('result.json'))) await sleep(5);
    const secret = assigner.keys.get(this.entity)!;
    gateway.groups.register({ entity: this.entity, secret, keyId: deriveKeyId(secret) });
    return this;
  }

  write(number: number, text: string): void {
    const draft = this.path('draft');
    writeFileSync(draft, text);
    renameSync(draft, this.path(`commands/${number}.command.json`));
  }

  result(number: number): Record<string, unknown> {
    return JSON.parse(readFileSync(this.path(`commands/${number}.result.json`), 'utf8')) as Record<string, unknown>;
  }

  async command(command: object | string): Promise<Record<string, unknown>> {
    const number = this.#number++;
    this.write(number, typeof command === 'string' ? command : JSON.stringify(command));
    while (!existsSync(this.path(`commands/${number}.result.json`))) await sleep(5);
    return this.result(number);
  }

  signal(): void {
    this.#stop();
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a device program with a command directory', () => {
  it('joins, seals, opens, leaves and stops', async () => {
    const [alice, bob] = [await new Program('alice').ready(), await new Program('bob').ready()];
    gateway.groups.version('home', [alice.entity]);
    const status = { group: 'home', version: 0, ended: false, left: false, sealUntil: null, versions: [] };
    await expect(bob.command({ command: 'join', group: 'home' })).resolves.toEqual({ ok: true, group: status });
    const pulled = await bob.command({ command: 'pull', group: 'home' });
    expect(pulled).toMatchObject({ ok: true, version: 2, group: { version: 2, versions: [2] } });
    expect(Buffer.from(pulled.delivery as string, 'base64').includes(bob.entity)).toBe(true);
    const sealed = await alice.command({ command: 'seal', group: 'home', data: base64('hello') });
    expect(sealed).toMatchObject({ ok: true, version: 2 });
    const open = { command: 'open', message: sealed.message };
    await expect(bob.command(open)).resolves.toEqual({
      ok: true,
      group: 'home',
      version: 2,
      sender: alice.entity,
      data: base64('hello'),
    });
    await expect(bob.command(open)).resolves.toMatchObject({ ok: false, reason: 'CONTENT_REPLAYED' });
    await expect(bob.command({ command: 'leave', group: 'home' })).resolves.toMatchObject({ ok: true });
    await expect(bob.command({ command: 'seal', group: 'home', data: '' })).resolves.toMatchObject({
      ok: false,
      reason: 'NOT_A_MEMBER',
      metadata: { group: 'home' },
    });
    await expect(bob.command({ command: 'status' })).resolves.toMatchObject({
      ok: true,
      stage: 'live',
      entity: bob.entity,
      groups: [{ group: 'home', left: true, versions: [] }],
    });
    for (const program of [alice, bob]) {
      await expect(program.command({ command: 'stop' })).resolves.toEqual({ ok: true });
      await expect(program.exit).resolves.toBe(0);
    }
  });

  it('watches, and waits for what is pushed', async () => {
    const carol = await new Program('carol').ready();
    gateway.groups.version('feed', [carol.entity]);
    for (let n = 0; n < 2; n++) await expect(carol.command({ command: 'watch' })).resolves.toEqual({ ok: true });
    const wait = { command: 'await', group: 'feed', version: 1 };
    await expect(carol.command({ ...wait, timeoutMs: 50 })).resolves.toMatchObject({ ok: false, reason: 'DEADLINE' });
    while (gateway.groups.watching === 0) await sleep(5);
    expect(gateway.groups.watching).toBe(1);
    gateway.groups.push(carol.entity, gateway.groups.delivery('feed', 1n, carol.entity));
    await expect(carol.command(wait)).resolves.toMatchObject({
      ok: true,
      group: { version: 1, versions: [1] },
      delivery: expect.any(String) as string,
    });
    await expect(carol.command({ command: 'unwatch' })).resolves.toEqual({ ok: true });
    while (gateway.groups.watching > 0) await sleep(5);
    await carol.command({ command: 'watch' });
    await carol.command({ command: 'stop' });
    await expect(carol.exit).resolves.toBe(0);
  });

  it('refuses a command that is none, and goes on', async () => {
    const dave = await new Program('dave').ready();
    await expect(dave.command('{"command":')).resolves.toEqual({
      ok: false,
      reason: 'MALFORMED_MESSAGE',
      message: expect.any(String) as string,
      metadata: {},
    });
    await expect(dave.command({ command: 'pull', group: 'unknown' })).resolves.toMatchObject({ reason: 'NOT_FOUND' });
    await expect(dave.command({ command: 'status', group: 'x' })).resolves.toMatchObject({ ok: true });
    dave.signal();
    await expect(dave.exit).resolves.toBe(0);
  });

  it('goes on with the first command that has no result', async () => {
    const erin = await new Program('erin').ready();
    gateway.groups.version('diary', [erin.entity]);
    await erin.command({ command: 'pull', group: 'diary' });
    const sealed = await erin.command({ command: 'seal', group: 'diary', data: base64('one') });
    erin.signal();
    await erin.exit;
    erin.write(3, JSON.stringify({ command: 'open', message: sealed.message }));
    const next = new Program('erin', { CPNS_GROUPS: 'diary' }, 4);
    await expect(next.command({ command: 'stop' })).resolves.toEqual({ ok: true });
    await expect(next.exit).resolves.toBe(0);
    expect(next.result(2)).toEqual(sealed);
    expect(next.result(3)).toMatchObject({ ok: true, data: base64('one') });
    const result = JSON.parse(readFileSync(next.path('result.json'), 'utf8')) as { groups: unknown };
    expect(result.groups).toMatchObject([{ group: 'diary', version: 1, versions: [1] }]);
  });

  it('lets no Group Key out, at trace level', async () => {
    const frank = await new Program('frank').ready();
    const { groupKey } = gateway.groups.version('vault', [frank.entity]);
    const results = [
      await frank.command({ command: 'pull', group: 'vault' }),
      await frank.command({ command: 'seal', group: 'vault', data: base64('gold') }),
      await frank.command({ command: 'stop' }),
    ];
    await frank.exit;
    const places = [
      frank.lines.join(''),
      JSON.stringify(results),
      readFileSync(frank.path('store/data.mdb'), 'latin1'),
    ];
    expect(places[2]).toContain('vault');
    for (const encoding of ['latin1', 'hex', 'base64', 'base64url'] as const)
      for (const place of places) expect(place.includes(groupKey.expose().toString(encoding))).toBe(false);
  });
});

describe('a wrong configuration', () => {
  it.each([
    ['CPNS_COMMAND_DIRECTORY', '/nowhere/at/all'],
    ['CPNS_GROUPS', 'a,,b'],
    ['CPNS_GROUPS', '.hidden'],
  ])('is code 78: %s=%s', async (variable, value) => {
    const program = new Program('grace', { [variable]: value });
    await expect(program.exit).resolves.toBe(78);
    expect(program.lines.join('')).toContain(variable);
  });
});
