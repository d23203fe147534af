import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceSession } from './device-session';
import { ManagedProcess } from './managed-process';

jest.setTimeout(60_000);

/** Answers as apps/pne does, by files; `status` with what it was told so far, and `leave` not at all. */
const PROGRAM = `
const fs = require('node:fs'), path = require('node:path');
const told = [];
let n = 1;
while (fs.existsSync(path.join(process.env.COMMANDS, n + '.result.json'))) n += 1;
setInterval(() => {
  const file = path.join(process.env.COMMANDS, n + '.command.json');
  if (!fs.existsSync(file)) return;
  const command = JSON.parse(fs.readFileSync(file, 'utf8'));
  told.push(n + ' ' + command.command);
  if (command.command === 'leave') process.exit(3);
  const answer = command.command === 'seal'
    ? { ok: false, reason: 'SEAL_PERIOD_OVER', message: 'too late' }
    : { ok: true, told };
  fs.writeFileSync(path.join(process.env.COMMANDS, 'draft'), JSON.stringify(answer));
  fs.renameSync(path.join(process.env.COMMANDS, 'draft'), path.join(process.env.COMMANDS, n + '.result.json'));
  n += 1;
  if (command.command === 'stop') process.exit(0);
}, 5);
`;

describe('DeviceSession', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cpns-session-'));
  const main = join(directory, 'main.cjs');
  const running: ManagedProcess[] = [];
  let commands: string;
  let count = 0;
  beforeAll(() => writeFileSync(main, PROGRAM));
  beforeEach(() => {
    commands = join(directory, `commands-${(count += 1)}`);
    mkdirSync(commands);
  });
  afterEach(() => Promise.all(running.splice(0).map((one) => one.kill('SIGKILL'))));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const open = async () => {
    const logFile = join(directory, 'log');
    const env = { COMMANDS: commands };
    const process = await ManagedProcess.start({ name: 'a device', main, env, logFile });
    running.push(process);
    return new DeviceSession(commands, process);
  };
  const told = (answer: unknown) => (answer as { readonly told: readonly string[] }).told;

  it('gives one command after another, also when many are given at once', async () => {
    const session = await open();
    const answers = await Promise.all([
      session.command({ command: 'watch' }),
      session.command({ command: 'join', group: 'g' }),
      session.command({ command: 'status' }),
    ]);
    expect(told(answers[2])).toEqual(['1 watch', '2 join', '3 status']);
  });

  it('hands a refusal on as what it is, unless it must not be', async () => {
    const session = await open();
    const seal = { command: 'seal', group: 'g', data: '' } as const;
    expect(await session.command(seal)).toMatchObject({ ok: false, reason: 'SEAL_PERIOD_OVER' });
    await expect(session.must(seal)).rejects.toThrow('a device was refused seal: SEAL_PERIOD_OVER: too late');
    expect(told(await session.must({ command: 'status' }))).toHaveLength(3);
  });

  it('says when the process ended instead, and another process goes on with that command', async () => {
    const session = await open();
    await session.must({ command: 'watch' });
    await expect(session.command({ command: 'leave', group: 'g' })).rejects.toThrow(/did not answer[^]*code 3/);
    // the restarted process would end at the same command again: this one finds another in its place
    writeFileSync(join(commands, '2.command.json'), JSON.stringify({ command: 'unwatch' }));
    const again = await open();
    expect(told(await again.answer(2))).toEqual(['2 unwatch']);
    expect(told(await again.must({ command: 'status' }))).toEqual(['2 unwatch', '3 status']);
  });

  it('ends the process, once', async () => {
    const session = await open();
    await session.stop();
    expect(session.process.exit).toEqual({ code: 0, signal: null });
    await session.stop();
  });
});
