/** The group flows of a full run: pulled and pushed keys, changes of members, data between them, and refusals. */
import { GroupKeyDelivery } from '@cpns/contracts';
import type { Deployment, DeviceCommand, DeviceSession } from '@cpns/testing';
import { flipped } from '@cpns/testing/bad-input';
import { randomBytes } from 'node:crypto';
import type { Needle } from './scan';

/** The group of each way in which a key comes, and the versions that it gets. */
export const GROUPS = { pull: 'group-pull', push: 'group-push' } as const;
export const VERSIONS = [1n, 2n, 3n] as const;

/** A device that stays, with E. */
export interface Talker {
  readonly entity: string;
  readonly session: DeviceSession;
}

/** What the groups leave behind for those who look for it. */
export class Harvest {
  readonly plaintexts: Needle[] = [];
  readonly messages: Buffer[] = [];
  readonly deliveries: GroupKeyDelivery[] = [];
  readonly errors: string[] = [];
}

/** What a device says when it refuses. */
async function refusalBy({ session }: Talker, command: DeviceCommand): Promise<string> {
  const answer = await session.command(command);
  if (answer.ok) throw new Error(`a device that had to be refused did ${command.command}`);
  return JSON.stringify(answer);
}

/** @param talkers with live keys, three at least */
export async function useGroup(
  { operator: { groups } }: Deployment,
  delivery: keyof typeof GROUPS,
  talkers: readonly Talker[],
  harvest: Harvest,
): Promise<void> {
  const group = GROUPS[delivery];
  const [first, second, third] = talkers as readonly [Talker, Talker, Talker];
  if (delivery === 'push') for (const { session } of talkers) await session.must({ command: 'watch' });
  const has = async (version: bigint, ...holders: Talker[]) => {
    const wanted = { group, version: Number(version) };
    for (const { session } of holders) {
      const answer =
        delivery === 'pull'
          ? await session.must({ command: 'pull', ...wanted })
          : await session.must({ command: 'await', ...wanted, timeoutMs: 30_000 });
      if (answer.delivery !== null)
        harvest.deliveries.push(GroupKeyDelivery.decode(Buffer.from(answer.delivery, 'base64')));
    }
  };
  const sealed = async (sender: Talker, ...receivers: Talker[]) => {
    const plaintext = randomBytes(48);
    harvest.plaintexts.push({ what: `plaintext of ${group}`, bytes: plaintext });
    const data = plaintext.toString('base64');
    const { message } = await sender.session.must({ command: 'seal', group, data });
    const bytes = Buffer.from(message, 'base64');
    harvest.messages.push(bytes);
    for (const { session } of receivers)
      if ((await session.must({ command: 'open', message })).data !== data)
        throw new Error('a member opened something else than was sealed');
    return bytes;
  };
  await groups.createGroup({ groupId: group, delivery, members: [first.entity, second.entity] });
  await has(VERSIONS[0], first, second);
  await sealed(first, second);
  await groups.addMembers(group, [third.entity]);
  await has(VERSIONS[1], first, second, third);
  await sealed(third, first, second);
  await groups.removeMembers(group, [second.entity]);
  await has(VERSIONS[2], first, third);
  const last = await sealed(first, third);
  const opens = (message: Buffer) => ({ command: 'open', message: message.toString('base64') }) as const;
  harvest.errors.push(
    await refusalBy(third, opens(last)),
    await refusalBy(third, opens(flipped(last))),
    await refusalBy(second, opens(last)),
    await refusalBy(second, { command: 'pull', group }),
  );
}
