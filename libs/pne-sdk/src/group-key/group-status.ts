import { endsGroup, highestOf, type Acceptance } from '@cpns/group-key';
import type { GroupState } from './group-state';

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

export function statusOf({ groupId, keyring, left }: GroupState): GroupStatus {
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
