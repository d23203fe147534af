/**
 * One Service Group from its description to its end: keys to its members, messages between them, a leaver, a joiner, new keys by
 * hand and by time, and one whose right is revoked.
 */
import { duration } from '@cpns/core';
import { waitUntil, type DeviceSession } from '@cpns/testing';
import { randomBytes } from 'node:crypto';
import type { House } from './house';
import { deviceUri, type PlannedDevice, type PlannedGroup } from './plan';
import { hasScene, membersIn, sceneOf, type Scene } from './runs';
import { OPENED, openResult, refusalOf, type Trial } from './trials';

/** What the story is told with. */
export interface Stage {
  readonly house: House;
  readonly sessionOf: (planned: PlannedDevice) => DeviceSession;
  /** What happens from now on belongs to the scene. */
  readonly begin: (scene: string) => void;
  /** Resolves when every step was seen that is due in the scene, or when it is too late for them. */
  readonly seen: (scene: string) => Promise<void>;
  readonly progress: (sentence: string) => void;
  /** Shows what came of a try. */
  readonly tried: (trial: Trial) => void;
}

/** A sealed message, and what was sealed; base64. */
interface Sealed {
  readonly message: string;
  readonly data: string;
  readonly version: number;
}

const FIRST = 1;
/** By when CSKMF has looked at every group, milliseconds. */
const LOOKED_AT_MS = duration(30, 'second');
const HEARD_MS = duration(10, 'second');

export class GroupStory {
  readonly trials: Trial[] = [];
  readonly #sealed: Sealed[] = [];
  /** The newest version. */
  #newest = FIRST;
  /** The one that members seal with. */
  #version = FIRST;

  constructor(
    private readonly stage: Stage,
    private readonly group: PlannedGroup,
  ) {}

  async tell(): Promise<readonly Trial[]> {
    const { leaver, joiner } = this.group;
    await this.#change('created', () => this.#create());
    await this.#keys('first key');
    await this.#message('first message');

    await this.#change('left', () => this.#leave());
    await this.#keys('key without the leaver');
    await this.#message('message without the leaver', (sealed) => this.#tryAsLeaver(leaver, sealed));

    await this.#change('joined', () => this.#join());
    await this.#keys('key with the joiner');
    await this.#message('message with the joiner', async (sealed) => {
      await this.#tryAsLeaver(leaver, sealed);
      await this.#tryAsJoiner(joiner);
    });

    await this.#change('renewed by hand', () => this.#renewByHand());
    await this.#keys('key by hand');
    await this.#message('message by hand');
    if (hasScene(this.group, 'renewed by time')) await this.#renewByTime();
    await this.#putOut();

    await this.#change('deleted', () => this.stage.house.operator.groups.deleteGroup(this.group.id));
    await this.#end();
    return this.trials;
  }

  /** A scene in which the SMF, and what it calls, does something. */
  async #change(scene: Scene, act: () => Promise<unknown>): Promise<void> {
    this.#begin(scene);
    await act();
    if (scene !== 'created' && scene !== 'deleted') this.#newest += 1;
    // what is made by time waits for its time
    if (scene !== 'renewed by time') this.#version = this.#newest;
    await this.#seen(scene);
  }

  #create(): Promise<unknown> {
    const { id, delivery, members } = this.group;
    this.stage.progress(`Service Group ${id} is made: ${delivery}, ${members.length} members in two Personal Networks`);
    const groupId = id;
    return this.stage.house.operator.groups.createGroup({
      groupId,
      delivery,
      members: members.map(deviceUri),
      openToJoin: true,
    });
  }

  /** Where keys are pulled an operator removes the leaver, who keeps what it has; else the leaver asks for it itself. */
  async #leave(): Promise<void> {
    const { id, delivery, leaver } = this.group;
    if (delivery === 'push') {
      this.stage.progress(`${leaver.id} leaves ${id}`);
      await this.stage.sessionOf(leaver).must({ command: 'leave', group: id });
      return;
    }
    this.stage.progress(`the operator removes ${leaver.id} from ${id}`);
    await this.stage.house.operator.groups.removeMembers(id, [deviceUri(leaver)]);
  }

  async #join(): Promise<void> {
    const { id, delivery, joiner } = this.group;
    if (delivery === 'push') {
      this.stage.progress(`${joiner.id} joins ${id}`);
      await this.stage.sessionOf(joiner).must({ command: 'join', group: id });
      return;
    }
    this.stage.progress(`the operator adds ${joiner.id} to ${id}`);
    await this.stage.house.operator.groups.addMembers(id, [deviceUri(joiner)]);
  }

  #renewByHand(): Promise<unknown> {
    const { id } = this.group;
    this.stage.progress(`the operator has the key of ${id} renewed`);
    return this.stage.house.operator.groups.rotate(id);
  }

  /** One version is to be there ahead of its use, and is made at once; it is used an hour later. */
  async #renewByTime(): Promise<void> {
    const { id } = this.group;
    await this.#change('renewed by time', async () => {
      this.stage.progress(`the key of ${id} is renewed every hour from now on, one version ahead`);
      await this.#everyHour(true);
      const { groups } = this.stage.house.operator;
      const isMade = async () =>
        (await groups.groupKeyStatus(id)).versions.at(-1)?.version === BigInt(this.#newest + 1);
      await waitUntil(`the next version of ${id}`, isMade, { withinMs: LOOKED_AT_MS, everyMs: 100 });
    });
    await this.#keys('key by time');
    await this.#message('message by time');
    await this.#everyHour(false);
  }

  async #everyHour(isSo: boolean): Promise<void> {
    const { groups } = this.stage.house.operator;
    const groupId = this.group.id;
    const { descriptionRevision } = await groups.getGroup(groupId);
    const wanted = { groupId, updatePeriod: isSo ? duration(1, 'hour') : 0, preparedVersions: isSo ? 2 : 0 };
    await groups.update(wanted, ['update_period', 'prepared_versions'], descriptionRevision);
  }

  /** In the middle of traffic: what it sealed before is under way when its right ends. */
  async #putOut(): Promise<void> {
    const { id: group, putOut, members } = this.group;
    const [witness = putOut] = members;
    const data = randomBytes(32).toString('base64');
    const underWay = await this.stage.sessionOf(putOut).must({ command: 'seal', group, data });
    await this.#change('put out', async () => {
      this.stage.progress(`the operator revokes the key of ${putOut.id}`);
      const report = await this.stage.house.operator.end({ entity: deviceUri(putOut) });
      this.#trial(putOut, 'is put out of its groups', [group], report.groups?.names.join(', ') ?? '');
    });
    await this.#heard(witness);
    await this.#open(witness, { ...underWay, data }, ['VERSION_RETIRED']);
    await this.#keys('key without the one put out');
    await this.#message('message without the one put out', async (sealed) => {
      const session = this.stage.sessionOf(putOut);
      await this.#open(putOut, sealed, REVOKED);
      await this.#pull(putOut, sealed.version, REVOKED);
      this.#trial(putOut, 'joins again', REVOKED, await refusalOf(session, { command: 'join', group }));
    });
  }

  /** Until a member knows that there is a newer version, also where it has not got its key. */
  #heard(member: PlannedDevice): Promise<boolean> {
    const { id: group } = this.group;
    const hasHeard = async () => {
      const { groups } = await this.stage.sessionOf(member).must({ command: 'status', group });
      return groups[0]?.version === this.#newest;
    };
    return waitUntil(`the newest version of ${group} at ${member.id}`, hasHeard, { withinMs: HEARD_MS });
  }

  /** Until every member has the newest key: it asks for it, or waits for the push that came with the change. */
  async #keys(scene: Scene): Promise<void> {
    const { id: group, delivery } = this.group;
    this.#begin(scene);
    const members = membersIn(this.group, scene);
    if (delivery === 'push') await this.#all(members, { command: 'await', group, version: this.#newest });
    else await this.#all(members, { command: 'pull', group });
    await this.#seen(scene);
  }

  /** One member seals, every other opens; then the others try. */
  async #message(scene: Scene, others: (sealed: Sealed) => Promise<void> = () => Promise.resolve()): Promise<void> {
    const { id: group } = this.group;
    this.#begin(scene);
    const [sealer, ...openers] = membersIn(this.group, scene);
    if (sealer === undefined) throw new RangeError(`${group} has no members`);
    const data = randomBytes(32).toString('base64');
    const { message, version } = await this.stage.sessionOf(sealer).must({ command: 'seal', group, data });
    this.#trial(sealer, 'seals 32 bytes', [`under version ${this.#version}`], `under version ${version}`);
    const sealed = { message, data, version };
    this.#sealed.push(sealed);
    await Promise.all(openers.map((opener) => this.#open(opener, sealed, [OPENED])));
    await others(sealed);
    await this.#seen(scene);
  }

  async #open(planned: PlannedDevice, { message, data, version }: Sealed, due: readonly string[]): Promise<void> {
    const got = await openResult(this.stage.sessionOf(planned), message, data);
    this.#trial(planned, `opens a message of version ${version}`, due, got);
  }

  async #pull(planned: PlannedDevice, version: number, due: readonly string[]): Promise<void> {
    const pull = { command: 'pull', group: this.group.id, version } as const;
    const got = await refusalOf(this.stage.sessionOf(planned), pull);
    this.#trial(planned, `asks for the key of version ${version}`, due, got);
  }

  /** It has the keys from before, unless it left by itself, and those are of no use. */
  async #tryAsLeaver(leaver: PlannedDevice, sealed: Sealed): Promise<void> {
    if (this.group.delivery === 'pull') await this.#showOldKeys(leaver);
    await this.#open(leaver, sealed, NOT_GIVEN);
    await this.#pull(leaver, sealed.version, NOT_GIVEN);
  }

  async #showOldKeys(leaver: PlannedDevice): Promise<void> {
    const { id: group } = this.group;
    const { groups } = await this.stage.sessionOf(leaver).must({ command: 'status', group });
    const held = groups.find((one) => one.group === group)?.versions ?? [];
    this.#trial(leaver, 'still holds its keys', [`of version ${FIRST}`], `of version ${held.join(', ')}`);
  }

  async #tryAsJoiner(joiner: PlannedDevice): Promise<void> {
    const past = this.#sealed.filter(({ version }) => version < this.#version);
    for (const sealed of past) {
      await this.#open(joiner, sealed, NOT_GIVEN);
      await this.#pull(joiner, sealed.version, NOT_GIVEN);
    }
  }

  /** Nobody gets or uses a key of a group that has ended. */
  async #end(): Promise<void> {
    const { id: group, members } = this.group;
    const scene = 'after the end';
    this.#begin(scene);
    const [member] = members;
    if (member === undefined) throw new RangeError(`${group} has no members`);
    const session = this.stage.sessionOf(member);
    this.#trial(member, 'asks for the newest key', ENDED, await refusalOf(session, { command: 'pull', group }));
    this.#trial(member, 'seals', ENDED, await refusalOf(session, { command: 'seal', group, data: '' }));
    await this.#seen(scene);
  }

  #trial(planned: PlannedDevice, does: string, due: readonly string[], got: string): void {
    const trial = { group: this.group.id, who: planned.id, does, due, got };
    this.trials.push(trial);
    this.stage.tried(trial);
  }

  #begin(scene: Scene): void {
    this.stage.begin(sceneOf(this.group, scene));
  }

  #seen(scene: Scene): Promise<void> {
    return this.stage.seen(sceneOf(this.group, scene));
  }

  async #all(devices: readonly PlannedDevice[], command: Parameters<DeviceSession['must']>[0]): Promise<void> {
    await Promise.all(devices.map((planned) => this.stage.sessionOf(planned).must(command)));
  }
}

/** From the Server, to whom a version was not given; from the device itself, which knows that it is no member. */
const NOT_GIVEN = ['VERSION_NOT_GIVEN', 'NOT_A_MEMBER'];
const ENDED = ['GROUP_DELETED'];
const REVOKED = ['KEY_REVOKED'];
