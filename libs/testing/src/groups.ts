import {
  GroupKeyDeliveryMode,
  GroupKeyManagementServiceService,
  ServiceGroupServiceService,
  type GroupDescription,
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
  readonly displayName?: string;
  /** Milliseconds; a day by default. */
  readonly sealPeriod?: number;
  /** Milliseconds; 0, which is never, by default. */
  readonly updatePeriod?: number;
  /** 0, which is what the SMF takes then, by default. */
  readonly maxMembers?: number;
  /** False by default. */
  readonly openToJoin?: boolean;
}

const MODES: Readonly<Record<DeliveryMode, GroupKeyDeliveryMode>> = {
  pull: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL,
  push: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH,
};
const SEAL_PERIOD = duration(1, 'day');

/** The KMC, CSKMF and both stores work on one call, on a machine that may be busy with ten other processes; milliseconds. */
const DEADLINE = { deadlineMs: duration(20, 'second') };

const described = (group: NewGroup): GroupDescription => ({
  groupId: group.groupId,
  displayName: group.displayName ?? group.groupId,
  delivery: MODES[group.delivery],
  sealPeriod: BigInt(group.sealPeriod ?? SEAL_PERIOD),
  updatePeriod: BigInt(group.updatePeriod ?? 0),
  maxMembers: group.maxMembers ?? 0,
  openToJoin: group.openToJoin ?? false,
});

/** What came back, which must be there. */
async function present<K extends string, T>(
  answer: Promise<{ readonly [key in K]?: T | undefined }>,
  field: K,
): Promise<T> {
  const { [field]: value } = await answer;
  if (value === undefined) throw new Error(`the answer came without the ${field}`);
  return value;
}

/** What an operator does with Service Groups: at the SMF, and, to look at their keys, at the CPNS Server. */
export class Groups {
  readonly serviceGroups: ClientMethods<typeof ServiceGroupServiceService>;
  readonly groupKeys: ClientMethods<typeof GroupKeyManagementServiceService>;

  constructor(smf: Connection, server: Connection) {
    this.serviceGroups = smf.client(ServiceGroupServiceService);
    this.groupKeys = server.client(GroupKeyManagementServiceService);
  }

  /** Makes a group, whose Group Key is ready when this resolves. @throws CpnsError what the SMF refuses it with */
  createGroup(group: NewGroup): Promise<ServiceGroup> {
    const request = { description: described(group), members: [...group.members] };
    return present(this.serviceGroups.createServiceGroup(request, DEADLINE), 'group');
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
