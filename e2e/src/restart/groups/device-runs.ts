/** GK-PULL and GK-PUSH of a device that is a process of its own. */
import { DEVICE } from '../due';
import type { Run } from '../flow';
import { eventually, persistently } from '../house';
import type { GroupHouse } from './group-house';

abstract class DeviceRun implements Run {
  protected constructor(
    protected readonly groups: GroupHouse,
    protected readonly groupId: string,
    private readonly newest: bigint,
  ) {}

  abstract perform(): Promise<void>;
  /** What a process that was started again has to do. */
  protected abstract again(): Promise<void>;

  async finish(victim: string, first: Promise<void>): Promise<void> {
    if (victim !== DEVICE) {
      await this.groups.house.revive(victim);
      return first;
    }
    await expect(first).rejects.toThrow('SIGKILL');
    await this.groups.device.revive();
    await this.again();
  }

  /** It holds the newest version, and a member in another process has the same. */
  async check(): Promise<void> {
    const { groupId: group, newest } = this;
    const { device, members } = this.groups;
    const { groups } = await device.must({ command: 'status', group });
    expect(groups).toMatchObject([{ group, version: Number(newest), ended: false, left: false }]);
    expect(groups[0]?.versions).toContain(Number(newest));
    const { stayer } = members;
    await persistently(() => stayer.local.groups.pull(group));
    const data = Buffer.from(`${group} to the process`).toString('base64');
    const sealed = await persistently(() => stayer.local.groups.seal(group, Buffer.from(data, 'base64')));
    const opened = await device.must({ command: 'open', message: sealed.toString('base64') });
    expect(opened).toMatchObject({ group, version: Number(newest), sender: stayer.entity, data });
    const { message, version } = await device.must({ command: 'seal', group, data });
    expect(version).toBe(Number(newest));
    const heard = await persistently(() => stayer.local.groups.open(Buffer.from(message, 'base64')));
    expect(heard).toMatchObject({ groupId: group, version: newest, sender: device.entity });
    expect((await this.groups.commitments(group, newest)).size).toBe(1);
    expect(await this.groups.sight.underWay(group)).toEqual([]);
  }

  protected async underWayNoMore(): Promise<void> {
    await eventually(`the end of all that ${this.groupId} has under way`, async () =>
      (await this.groups.sight.underWay(this.groupId)).length === 0 ? true : undefined,
    );
  }
}

/** Added to a group that pulls: neither it nor its gateway has the version that it is given. */
export class PullRun extends DeviceRun {
  static async prepare(groups: GroupHouse): Promise<PullRun> {
    const run = new PullRun(groups, groups.house.newId('group'), 2n);
    const { operator } = groups.house.deployment;
    const { stayer } = groups.members;
    const { groupId } = run;
    await persistently(() => operator.groups.createGroup({ groupId, delivery: 'pull', members: [stayer.entity] }));
    await run.underWayNoMore();
    await persistently(() => operator.groups.addMembers(groupId, [groups.device.entity]));
    await run.underWayNoMore();
    return run;
  }

  async perform(): Promise<void> {
    await this.groups.device.must({ command: 'pull', group: this.groupId });
  }

  protected async again(): Promise<void> {
    await this.perform();
  }
}

/** A member that watches when a group that pushes is made. */
export class PushRun extends DeviceRun {
  static async prepare(groups: GroupHouse): Promise<PushRun> {
    await groups.device.must({ command: 'watch' });
    return new PushRun(groups, groups.house.newId('group'), 1n);
  }

  async perform(): Promise<void> {
    const { groups, groupId } = this;
    const members = [groups.members.stayer.entity, groups.device.entity];
    const { operator } = groups.house.deployment;
    await persistently(() => operator.groups.createGroup({ groupId, delivery: 'push', members }));
    await this.#held();
    await this.underWayNoMore();
  }

  protected async again(): Promise<void> {
    await this.groups.device.must({ command: 'watch' });
    await this.#held();
    await this.underWayNoMore();
  }

  /** Looks again and again, since a command that is interrupted by a death is done anew without the watch. */
  async #held(): Promise<void> {
    await eventually(`the push of ${this.groupId}`, async () => {
      const { groups } = await this.groups.device.must({ command: 'status', group: this.groupId });
      return groups.find(({ version }) => version > 0);
    });
  }
}
