import { GroupKeyDelivery } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { parseContentHeader } from '@cpns/group-key';
import type { Device } from '@cpns/pne-sdk';
import type { Logger } from '@cpns/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { groupResultOf, type GroupResult } from '../result-file';
import type { Command } from './command';

/** What a command came to, for its result file. */
export type CommandResult = Readonly<Record<string, unknown>>;

/** Between two looks at a group that a caller waits for, milliseconds. */
const LOOK_MS = 25;
/** Groups whose last delivery is kept. */
const DELIVERIES_MAX = 1_000;

/** The last delivery of each group as it came: only the member that it is for can open it. */
export class LastDeliveries {
  readonly #byGroup = new Map<string, Buffer>();

  readonly note = (delivery: GroupKeyDelivery): void => {
    const group = delivery.statement?.groupId ?? '';
    if (!this.#byGroup.has(group) && this.#byGroup.size >= DELIVERIES_MAX) return;
    this.#byGroup.set(group, Buffer.from(GroupKeyDelivery.encode(delivery).finish()));
  };

  /** In base64; null where none came yet. */
  of(group: string): string | null {
    return this.#byGroup.get(group)?.toString('base64') ?? null;
  }
}

/** Does what commands say, one after the other, and watches for pushed keys meanwhile. */
export class CommandSession {
  #watch: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(
    private readonly device: Device,
    private readonly deliveries: LastDeliveries,
    private readonly logger: Logger,
  ) {}

  /** @throws CpnsError what the device, its gateway or the Server refuses; DEADLINE for what did not come in time */
  async run(command: Command): Promise<CommandResult> {
    const { groups } = this.device;
    switch (command.command) {
      case 'join':
        return { group: groupResultOf(await groups.join(command.group)) };
      case 'leave':
        return { group: groupResultOf(await groups.leave(command.group)) };
      case 'pull':
        return this.#pull(command.group, command.version);
      case 'await':
        return this.#await(command.group, command.version, command.timeoutMs);
      case 'seal':
        return this.#seal(command.group, command.data);
      case 'open':
        return this.#open(command.message);
      case 'status':
        return this.#status(command.group);
      case 'watch':
        return this.#startWatch();
      case 'unwatch':
      case 'stop':
        await this.close();
        return {};
    }
  }

  /** Ends the watch. */
  async close(): Promise<void> {
    const watch = this.#watch;
    this.#watch = undefined;
    watch?.stop.abort();
    await watch?.ended;
  }

  async #pull(group: string, version: bigint | undefined): Promise<CommandResult> {
    const status = groupResultOf(await this.device.groups.pull(group, version));
    const delivery = this.deliveries.of(group);
    return { group: status, version: version === undefined ? status.version : Number(version), delivery };
  }

  async #await(group: string, version: bigint, timeoutMs: number): Promise<CommandResult> {
    for (const until = Date.now() + timeoutMs; ; await sleep(LOOK_MS)) {
      const status = await this.device.groups.status(group);
      if (status.ended || status.versions.some((held) => held >= version))
        return { group: groupResultOf(status), delivery: this.deliveries.of(group) };
      if (Date.now() >= until)
        throw new CpnsError('DEADLINE', 'the Group Key did not come in time', {
          metadata: { group, version: String(version), highest: String(status.version) },
        });
    }
  }

  async #seal(group: string, data: Buffer): Promise<CommandResult> {
    const message = await this.device.groups.seal(group, data);
    return { message: message.toString('base64'), version: Number(parseContentHeader(message).version) };
  }

  async #open(message: Buffer): Promise<CommandResult> {
    const { groupId, version, sender, plaintext } = await this.device.groups.open(message);
    return { group: groupId, version: Number(version), sender, data: plaintext.toString('base64') };
  }

  async #status(group: string | undefined): Promise<CommandResult> {
    const { stage, entity, keyId } = this.device.status;
    return { stage, entity, keyId: keyId ?? null, groups: await this.#groups(group) };
  }

  async #groups(group: string | undefined): Promise<readonly GroupResult[]> {
    const { groups } = this.device;
    return (group === undefined ? await groups.list() : [await groups.status(group)]).map(groupResultOf);
  }

  #startWatch(): CommandResult {
    if (this.#watch !== undefined) return {};
    const stop = new AbortController();
    const ended = this.device.groups.watch({ signal: stop.signal }).catch((error: unknown) => {
      this.logger.error('Group Keys are no longer watched', { error });
      if (this.#watch?.stop === stop) this.#watch = undefined;
    });
    this.#watch = { stop, ended };
    return {};
  }
}
