/**
 * protocol.md, "Trust in a gateway ends here": a gateway that swaps keys, replays, relays to another Server, acts for another
 * PN and alters bodies. Every attempt is refused, each for its own reason, and the honest message goes through beside it.
 */
import { CpnsError } from '@cpns/core';
import { Refusal } from '@cpns/testing/bad-input';
import type { Attempt } from './attempt';
import { ELSEWHERE } from './elsewhere';
import { GROUP_FORGERIES } from './group-forgeries';
import { GROUP_OVERREACHES } from './group-overreaches';
import { GROUP_REPLAYS } from './group-replays';
import { GroupScene } from './group-scene';
import { MESSAGES } from './messages';
import { OVERREACHES } from './overreaches';
import { Scene } from './scene';

const ATTEMPTS: readonly Attempt[] = [
  ...MESSAGES,
  ...OVERREACHES,
  ...GROUP_FORGERIES,
  ...GROUP_REPLAYS,
  ...GROUP_OVERREACHES,
  ...ELSEWHERE,
];

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
  let scene: GroupScene;
  let other: Scene;
  let refused = 0;
  beforeAll(async () => {
    scene = await GroupScene.start();
    other = await Scene.start('other.example');
  });
  afterAll(async () => {
    await scene.stop();
    await other.stop();
    say(`hostile-gateway: ${refused} of ${ATTEMPTS.length} attempts refused`);
  });

  it.each(ATTEMPTS)('$name', async ({ name, honest, attempt, reason }) => {
    await honest(scene, other);
    expect(await reasonOf(attempt(scene, other))).toBe(reason);
    refused++;
    say(`refused ${reason.padEnd(20)} ${name}`);
  });

  it('tries no attempt twice', () => {
    expect(new Set(ATTEMPTS.map(({ name }) => name)).size).toBe(ATTEMPTS.length);
  });
});
