/**
 * What a device keeps of one Service Group's keys, and the port through which it keeps it.
 */
import type { Acceptance, Keyring, SenderReplayState } from '@cpns/group-key';

/** Everything of one group but what was opened in it. */
export interface GroupState {
  /** Counts changes; 0 where nothing is stored. Two processes on one store never take each other's for their own. */
  readonly serial: number;
  readonly groupId: string;
  /** E of the member that it was given to. */
  readonly entity: string;
  readonly keyring: Keyring;
  /** True from a leave on until the device asks to be a member again. */
  readonly left: boolean;
  /** 16 random bytes, known to this device alone: which senders share a {@link ReplayBucket}. */
  readonly replaySalt: Buffer;
}

/** What a change may set; the serial follows by itself. */
export type GroupContent = Omit<GroupState, 'serial' | 'groupId'>;

/** How many records the senders of one version are spread over: one message rewrites one of them. */
export const REPLAY_BUCKETS = 64;

/** What was opened of some senders' messages under one version. */
export interface ReplayBucket {
  readonly version: bigint;
  /** 0 to 63 */
  readonly bucket: number;
  /** Counts writes, from 1 on. */
  readonly serial: number;
  readonly senders: readonly SenderReplayState[];
}

/** The durable group states of one device. */
export interface GroupStates {
  /** Ids of all groups that anything is stored of. */
  list(): Promise<readonly string[]>;
  read(groupId: string): Promise<GroupState | undefined>;
  /**
   * Resolves when the change is durable; with a version that is no longer in the keyring goes all that was stored of it.
   * @throws CpnsError CONFLICT when the stored state is no longer `before`; LIMIT_REACHED
   */
  replace(before: GroupState, next: GroupContent): Promise<GroupState>;
  /** What was opened, of every version in the keyring. */
  readReplay(state: GroupState): Promise<readonly ReplayBucket[]>;
  /**
   * Resolves when all of them are durable.
   * @throws CpnsError CONFLICT when the serial of one does not follow the stored one's
   */
  writeReplay(groupId: string, buckets: readonly ReplayBucket[]): Promise<void>;
}

/** What may be shown of a group: no secret is in it. */
export interface GroupStatus {
  readonly groupId: string;
  /** Of the highest statement; 0 where there is none. */
  readonly version: bigint;
  /** True for good once the group was deleted. */
  readonly ended: boolean;
  /** True from {@link GroupKeys.leave} on. */
  readonly left: boolean;
  /** Nothing is sealed with the highest version afterwards, Unix milliseconds. */
  readonly sealUntil?: number;
  /** Whose keys are held, rising. */
  readonly versions: readonly bigint[];
}

export interface OpenedMessage {
  readonly groupId: string;
  readonly version: bigint;
  /** E, for which the group vouches: every member could have written it. */
  readonly sender: string;
  readonly plaintext: Buffer;
}

export interface AcceptedDelivery {
  readonly groupId: string;
  readonly version: bigint;
  readonly ended: boolean;
  readonly acceptance: Acceptance;
}
