import {
  GroupKeyManagementServiceService,
  ServiceGroupServiceService,
  type GroupKeyStatus,
  type ServiceGroup,
  wireGroupDescription,
} from '@cpns/contracts';
import { duration } from '@cpns/core';
import type { GroupDescription } from '@cpns/group-key';
import type { ClientMethods, Connection } from '@cpns/grpc';

/** A Service Group to be; members seal for a day by default, the SMF says how many they may be, and none joins by itself. */
export interface NewGroup
  extends
    Pick<GroupDescription, 'groupId' | 'delivery'>,
    Partial<Pick<GroupDescription, 'sealPeriod' | 'maxMembers' | 'openToJoin'>> {
  /** E of each first member. */
  readonly members: readonly string[];
}

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
  createGroup({ members, ...group }: NewGroup): Promise<ServiceGroup> {
    const unlessSaid = { displayName: group.groupId, maxMembers: 0, openToJoin: false, updatePeriod: 0 };
    const description = wireGroupDescription({ sealPeriod: duration(1, 'day'), ...unlessSaid, ...group });
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
