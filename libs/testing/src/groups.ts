import {
  GroupKeyDeliveryMode,
  GroupKeyManagementServiceService,
  ServiceGroupServiceService,
  type GroupKeyStatus,
  type ServiceGroup,
} from '@cpns/contracts';
import { duration } from '@cpns/core';
import type { ClientMethods, Connection } from '@cpns/grpc';

export type DeliveryMode = 'pull' | 'push';

/** A Service Group to be, in the words of {@link Groups.createGroup}. */
export interface NewGroup {
  readonly groupId: string;
  readonly delivery: DeliveryMode;
  /** E of each first member. */
  readonly members: readonly string[];
  /** Milliseconds; a day by default. */
  readonly sealPeriod?: number;
  /** 0, which is what the SMF takes then, by default. */
  readonly maxMembers?: number;
  /** False by default. */
  readonly openToJoin?: boolean;
}

const MODES: Readonly<Record<DeliveryMode, GroupKeyDeliveryMode>> = {
  pull: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL,
  push: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH,
};
/** The KMC, CSKMF and both stores work on one call, on a machine that may be busy with ten other processes; milliseconds. */
const DEADLINE = { deadlineMs: duration(20, 'second') };

/** What came back, which must be there. */
async function present<K extends string, T>(answer: Promise<Partial<Record<K, T | undefined>>>, field: K): Promise<T> {
  const { [field]: value } = await answer;
  if (value === undefined) throw new Error(`the answer came without the ${field}`);
  return value;
}

/** What an operator does with Service Groups: at the SMF, and, to look at their keys, at the CPNS Server. */
export class Groups {
  private readonly serviceGroups: ClientMethods<typeof ServiceGroupServiceService>;
  private readonly groupKeys: ClientMethods<typeof GroupKeyManagementServiceService>;

  constructor(smf: Connection, server: Connection) {
    this.serviceGroups = smf.client(ServiceGroupServiceService);
    this.groupKeys = server.client(GroupKeyManagementServiceService);
  }

  /** Makes a group, whose Group Key is ready when this resolves. @throws CpnsError what the SMF refuses it with */
  createGroup({ groupId, delivery, members, ...rest }: NewGroup): Promise<ServiceGroup> {
    const { sealPeriod = duration(1, 'day'), maxMembers = 0, openToJoin = false } = rest;
    const description = {
      groupId,
      displayName: groupId,
      delivery: MODES[delivery],
      sealPeriod: BigInt(sealPeriod),
      // never
      updatePeriod: 0n,
      maxMembers,
      openToJoin,
    };
    return present(this.serviceGroups.createServiceGroup({ description, members: [...members] }, DEADLINE), 'group');
  }

  /** @param members E of each */
  addMembers(groupId: string, members: readonly string[]): Promise<ServiceGroup> {
    return present(this.serviceGroups.addMembers({ groupId, members: [...members] }, DEADLINE), 'group');
  }

  /** @param members E of each */
  removeMembers(groupId: string, members: readonly string[]): Promise<ServiceGroup> {
    return present(this.serviceGroups.removeMembers({ groupId, members: [...members] }, DEADLINE), 'group');
  }

  deleteGroup(groupId: string): Promise<ServiceGroup> {
    return present(this.serviceGroups.deleteServiceGroup({ groupId }, DEADLINE), 'group');
  }

  getGroup(groupId: string): Promise<ServiceGroup> {
    return present(this.serviceGroups.getServiceGroup({ groupId }), 'group');
  }

  /** The versions of its Group Key, as the CPNS Server has them. */
  groupKeyStatus(groupId: string): Promise<GroupKeyStatus> {
    return present(this.groupKeys.getGroupKeyStatus({ groupId }), 'status');
  }
}
