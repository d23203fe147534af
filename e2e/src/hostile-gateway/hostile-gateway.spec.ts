/**
 * protocol.md, "Trust in a gateway ends here": a gateway that swaps keys, replays, relays to another Server, acts for another
 * PN and alters bodies. Every attempt is refused, each for its own reason, and the honest message goes through beside it.
 */
import { CpnsError } from '@cpns/core';
import { Refusal } from '@cpns/testing/bad-input';
import type { Attempt } from './attempt';
import { elsewhere } from './elsewhere';
import { GROUP_FORGERIES } from './group-forgeries';
import { GROUP_OVERREACHES } from './group-overreaches';
import { GROUP_REPLAYS } from './group-replays';
import { MESSAGES } from './messages';
import { OVERREACHES } from './overreaches';
import { Scene } from './scene';

const say = (text: string) => process.stdout.write(`${text}\n`);

async function reasonOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'went through';
  } catch (error) {
    if (error instanceof CpnsError || error instanceof Refusal) return error.reason;
    throw error;
  }
}

describe('a hostile gateway', () => {
  let scene: Scene;
  let other: Scene;
  let refused = 0;
  const attempts: readonly Attempt[] = [
    ...MESSAGES,
    ...OVERREACHES,
    ...GROUP_FORGERIES,
    ...GROUP_REPLAYS,
    ...GROUP_OVERREACHES,
  ];
  const away = [
    'relays a request to another Server',
    'relays a registration to another Server',
    'answers a registration with what another Server signed',
    'stands under another root than the one-time string names',
    'makes a Group Key and has another Server state it',
  ];

  beforeAll(async () => {
    scene = await Scene.start({ groups: true });
    other = await Scene.start({ trustDomain: 'other.example' });
  });
  afterAll(async () => {
    await scene.stop();
    await other.stop();
    say(`hostile-gateway: ${refused} of ${attempts.length + away.length} attempts refused`);
  });

  async function judge({ name, honest, attempt, reason }: Attempt): Promise<void> {
    await honest(scene);
    expect(await reasonOf(attempt(scene))).toBe(reason);
    refused++;
    say(`refused ${reason.padEnd(20)} ${name}`);
  }

  it.each(attempts.map((attempt) => [attempt.name, attempt] as const))('%s', (_name, attempt) => judge(attempt));

  it.each(away)('%s', async (name) => {
    const attempt = elsewhere(other).find((one) => one.name === name);
    if (attempt === undefined) throw new Error(`no attempt of that name: ${name}`);
    await judge(attempt);
  });

  it('tries all there is', () => {
    expect(elsewhere(other).map(({ name }) => name)).toEqual(away);
    expect(new Set(attempts.map(({ name }) => name)).size).toBe(attempts.length);
  });
});
