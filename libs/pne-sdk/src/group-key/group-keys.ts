import { type GroupKeyDelivery, checkGroupKeyDelivery, type CheckedGroupKeyDelivery } from '@cpns/contracts';
import { CpnsError, invalidArgument, isRefusal, type Clock, type Random, checkGroupId } from '@cpns/core';
import { ContentOpener, endsGroup, highestOf, parseContentHeader } from '@cpns/group-key';
import { withSpan, withStepChain, type Logger } from '@cpns/telemetry';
import type { LiveKey } from '../state/device-state';
import {
  accepted,
  askingForGroupKey,
  emitAnswer,
  type GroupKeyChannel,
  type GroupMember,
  memberSource,
  type Receiving,
  watchGroupKeys,
  type WatchOptions,
} from './member';
import type { Group } from './group';
import type { AcceptedDelivery, GroupState, GroupStates, GroupStatus, OpenedMessage } from './group-state';
import { GroupsInUse, PullGate } from './groups-in-use';

export interface GroupKeysContext {
  readonly states: GroupStates;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly channel: GroupKeyChannel;
  /** @throws CpnsError KEY_UNKNOWN when no key is live */
  readonly liveKey: () => LiveKey;
  readonly pause?: (milliseconds: number) => Promise<unknown>;
  /** Sees each delivery as it came, before it is judged: for diagnosis. */
  readonly onGroupKeyDelivery?: (delivery: GroupKeyDelivery) => void;
}

/**
 * How long a device seals without asking which version is the newest, milliseconds: half of the grace that an older one
 * has, so that what it seals is opened.
 */
export const CONFIRM_MS = 30_000;

/** So many versions are pulled by number after the newest: no group has more that are not in use yet. */
export const MISSING_MAX = 8;

/** Who is told one of these gets no Group Key, and does not seal with what it has. */
const STANDING: ReadonlySet<string> = new Set([
  'NOT_A_MEMBER',
  'GROUP_DELETED',
  'NOT_FOUND',
  'MEMBER_WITHOUT_KEY',
  'KEY_UNKNOWN',
  'KEY_REVOKED',
  'KEY_SUSPENDED',
  'KEY_EXPIRED',
  'CERTIFICATE_REVOKED',
  'CERTIFICATE_EXPIRED',
  'PN_MISMATCH',
]);

/** What a leave is answered with when there is nothing to leave any more. */
const LEFT_ALREADY: ReadonlySet<string> = new Set(['NOT_A_MEMBER', 'MEMBER_UNKNOWN', 'GROUP_DELETED']);

const has = (reasons: ReadonlySet<string>, error: unknown): error is CpnsError =>
  error instanceof CpnsError && reasons.has(error.reason);

/**
 * SECA and SMF of a PNE (5.3.1.12.6): the Group Keys of this device. All that is kept is durable before it is used, so that
 * a device can be cut off at any moment; the gateway in between is believed nothing that the CPNS Server has not signed.
 */
export class GroupKeys {
  readonly #context: GroupKeysContext;
  readonly #member: () => GroupMember;
  readonly #gate: PullGate;
  readonly #groups: GroupsInUse;

  constructor(context: GroupKeysContext) {
    this.#context = context;
    this.#member = memberSource(context.liveKey, context.clock);
    this.#gate = new PullGate(context.clock);
    const { states, clock, random, logger } = context;
    this.#groups = new GroupsInUse({ states, clock, random, logger, opener: new ContentOpener() });
  }

  /**
   * Asks to become a member, where the group is open to that; nothing for a member. Keys are pulled when they are needed.
   * @throws CpnsError NAME_INVALID, KEY_UNKNOWN; what the SMF refuses: JOIN_NOT_PERMITTED, LIMIT_REACHED, NOT_FOUND,
   *   GROUP_DELETED, MEMBER_WITHOUT_KEY
   */
  join(groupId: string): Promise<GroupStatus> {
    return this.#using(groupId, (group) =>
      withSpan('cpns.join-service-group', {}, () =>
        withStepChain('', async () => {
          await this.#context.channel.join(groupId);
          emitAnswer(this.#member());
          this.#gate.resetAll();
          await group.join();
          return statusOf(group.state);
        }),
      ),
    );
  }

  /**
   * Asks to be a member no longer. From the answer on nothing is sealed or opened in the group, and its keys are forgotten;
   * the highest statement stays, so that nothing older is ever taken in.
   * @throws CpnsError NAME_INVALID, KEY_UNKNOWN; what the SMF refuses; NOT_A_MEMBER, MEMBER_UNKNOWN, GROUP_DELETED only
   *   where this device has nothing to forget
   */
  leave(groupId: string): Promise<GroupStatus> {
    return this.#using(groupId, (group) =>
      withSpan('cpns.leave-service-group', {}, () =>
        withStepChain('', async () => {
          try {
            await this.#context.channel.leave(groupId);
            emitAnswer(this.#member());
          } catch (error) {
            // the answer to an earlier leave was lost, or an operator was faster
            if (!has(LEFT_ALREADY, error) || group.state.serial === 0) throw error;
          }
          await group.leave();
          return statusOf(group.state);
        }),
      ),
    );
  }

  /**
   * GK-PULL.
   * @param version 1 or more; the newest by default, and with it those before it that come into use earlier
   * @throws CpnsError FIELD_OUT_OF_RANGE, NAME_INVALID, KEY_UNKNOWN; what the CPNS Server refuses; what {@link Group.receive}
   *   refuses; of the store
   */
  async pull(groupId: string, version?: bigint): Promise<GroupStatus> {
    if (version !== undefined && (version < 1n || version >= 2n ** 64n))
      throw invalidArgument('FIELD_OUT_OF_RANGE', 'a version is 1 to 2^64 - 1', { metadata: { field: 'version' } });
    return this.#using(groupId, async (group) => {
      await (version === undefined ? this.#pullNewest(group) : this.#pull(group, version));
      this.#gate.reset(newest(groupId), ...(version === undefined ? [] : [ofVersion(groupId, version)]));
      return statusOf(group.state);
    });
  }

  /**
   * Seals under the newest version. It is pulled when there is none, when it may not be sealed with any more, and when it
   * was confirmed more than 30 s ago; a gateway that is away, or delivers what is not the Server's, only keeps a device from
   * going on after seal-until.
   * @param plaintext at most 1 MiB
   * @returns header, ciphertext and tag
   * @throws CpnsError NAME_INVALID, MESSAGE_TOO_LARGE, KEY_UNKNOWN; NOT_A_MEMBER, GROUP_DELETED; VERSION_NOT_ACTIVE,
   *   SEAL_PERIOD_OVER; of the pull where there is no key; of the store
   */
  seal(groupId: string, plaintext: Uint8Array): Promise<Buffer> {
    return this.#using(groupId, async (group) => {
      group.requireMember();
      if (this.#needsPull(group)) await this.#refresh(group);
      return group.seal(plaintext);
    });
  }

  /**
   * Opens a message of any member, this one included, once. The key of its version is pulled when it is not there.
   * @throws CpnsError CONTENT_INVALID, MESSAGE_TOO_LARGE, CONTENT_REPLAYED; NOT_A_MEMBER, GROUP_DELETED; VERSION_RETIRED;
   *   of the pull, e.g. VERSION_NOT_GIVEN; of the store
   */
  async open(message: Uint8Array): Promise<OpenedMessage> {
    const { groupId, version } = parseContentHeader(message);
    return this.#using(groupId, async (group) => {
      group.requireMember();
      if (group.lacks(version)) await this.#gate.pass(ofVersion(groupId, version), () => this.#pull(group, version));
      const { header, plaintext } = await group.open(message);
      return { groupId, version, sender: header.sender, plaintext };
    });
  }

  /** @throws CpnsError NAME_INVALID; of the store */
  status(groupId: string): Promise<GroupStatus> {
    return this.#using(groupId, (group) => Promise.resolve(statusOf(group.state)));
  }

  /** Of all groups that this device has keys of or left. @throws CpnsError of the store */
  async list(): Promise<readonly GroupStatus[]> {
    const ids = await this.#context.states.list();
    return Promise.all(ids.map((groupId) => this.status(groupId)));
  }

  /**
   * GK-PUSH: takes in what the gateway pushes, over a stream that is made again when it breaks. Resolves at the signal.
   * @throws CpnsError when trying again is of no use: KEY_UNKNOWN, KEY_REVOKED, KEY_SUSPENDED; of the store
   */
  watch(options: WatchOptions): Promise<void> {
    const { clock, logger, pause, channel } = this.#context;
    const keyId = () => this.#context.liveKey().keyId;
    const taking = { clock, logger, channel, keyId, ...(pause && { pause }) };
    return watchGroupKeys(taking, options, (message) => this.#pushed(message));
  }

  /** Overwrites the keys in memory. It can be used again all the same: it reads its store anew. */
  close(): void {
    this.#groups.close();
    this.#gate.resetAll();
  }

  async #using<T>(groupId: string, work: (group: Group) => Promise<T>): Promise<T> {
    return this.#groups.use(checkGroupId(groupId, 'group_id'), this.#member().entity, work);
  }

  #needsPull(group: Group): boolean {
    if (group.isEnded) return false;
    const refusal = group.sealRefusal()?.reason;
    if (refusal === 'GROUP_KEY_UNKNOWN' || refusal === 'SEAL_PERIOD_OVER') return true;
    return this.#context.clock.now() - group.confirmedAt > CONFIRM_MS;
  }

  async #refresh(group: Group): Promise<void> {
    try {
      await this.#gate.pass(newest(group.groupId), () => this.#pullNewest(group));
    } catch (error) {
      const refusal = group.sealRefusal();
      if (has(STANDING, error) || refusal?.reason === 'GROUP_KEY_UNKNOWN' || !(error instanceof CpnsError)) throw error;
      this.#context.logger.warn('the newest Group Key was not confirmed', { group: group.groupId, error });
    }
  }

  /** With what lies between the newest and the version in use, as far as this member is given it. */
  async #pullNewest(group: Group): Promise<void> {
    const { groupId } = group;
    await this.#pull(group, undefined);
    for (let pulls = 0; pulls < MISSING_MAX; pulls++) {
      const version = group.missing();
      if (version === undefined) return;
      try {
        await this.#gate.pass(ofVersion(groupId, version), () => this.#pull(group, version));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        return this.#context.logger.info('an earlier Group Key is not to be had', { group: groupId, error });
      }
    }
  }

  #pull(group: Group, version: bigint | undefined): Promise<void> {
    const { groupId } = group;
    return withSpan('cpns.pull-group-key', {}, () =>
      withStepChain('', async () => {
        const member = this.#member();
        const { channel, clock } = this.#context;
        const answer = await askingForGroupKey(member, () => channel.pull(groupId, version ?? 0n));
        const startedAt = clock.now();
        const delivery = this.#checked(answer);
        const step = { flow: 'GK-PULL', step: 5 } as const;
        await this.#take(group, delivery, { member, step, asked: version, isAskedFor: true });
        accepted(member, step, delivery, startedAt);
      }),
    );
  }

  /** GK-PUSH step 1, in the trace of what caused the push. */
  async #pushed(message: GroupKeyDelivery | undefined): Promise<AcceptedDelivery> {
    const startedAt = this.#context.clock.now();
    const delivery = this.#checked(message);
    const { groupId, version } = delivery.signed.statement;
    const member = this.#member();
    const step = { flow: 'GK-PUSH', step: 1 } as const;
    const taken = await this.#using(groupId, (group) =>
      this.#take(group, delivery, { member, step, isAskedFor: false }),
    );
    accepted(member, step, delivery, startedAt);
    this.#gate.reset(newest(groupId), ofVersion(groupId, version));
    return taken;
  }

  #checked(message: GroupKeyDelivery | undefined): CheckedGroupKeyDelivery {
    if (message !== undefined) this.#context.onGroupKeyDelivery?.(message);
    return checkGroupKeyDelivery(message);
  }

  async #take(group: Group, delivery: CheckedGroupKeyDelivery, receiving: Receiving): Promise<AcceptedDelivery> {
    const acceptance = await group.receive(delivery, receiving);
    const { groupId, version } = delivery.signed.statement;
    const ended = endsGroup(delivery.signed.statement);
    this.#context.logger.debug('Group Key accepted', { group: groupId, version: String(version), ended, acceptance });
    return { groupId, version, ended, acceptance };
  }
}

/** What is pulled, for the gate. */
const newest = (groupId: string) => `${groupId} newest`;
const ofVersion = (groupId: string, version: bigint) => `${groupId} ${version}`;

function statusOf({ groupId, keyring, left }: GroupState): GroupStatus {
  const highest = highestOf(keyring)?.statement;
  const ended = highest !== undefined && endsGroup(highest);
  return {
    groupId,
    version: highest?.version ?? 0n,
    ended,
    left,
    ...(highest !== undefined && !ended && { sealUntil: highest.sealUntil }),
    versions: keyring.versions
      .filter(({ groupKey }) => groupKey !== undefined)
      .map(({ statement }) => statement.version),
  };
}
