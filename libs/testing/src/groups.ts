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
import { randomBytes } from 'node:crypto';

/**
 * A Service Group to be; members seal for a day by default, the SMF says how many they may be, none joins by itself, and its
 * key is never renewed by itself.
 */
export interface NewGroup
  extends
    Pick<GroupDescription, 'groupId' | 'delivery'>,
    Partial<Omit<GroupDescription, 'groupId' | 'delivery' | 'displayName'>> {
  /** E of each first member. */
  readonly members: readonly string[];
}

/** The KMC, CSKMF and both stores work on one call, on a machine that may be busy with ten other processes; milliseconds. */
const DEADLINE = { deadlineMs: duration(20, 'second') };

const UNLESS_SAID = {
  sealPeriod: duration(1, 'day'),
  updatePeriod: 0,
  maxMembers: 0,
  openToJoin: false,
  activationDelay: 0,
  joinWindow: 0,
  preparedVersions: 0,
  joinKeepsVersion: false,
};

/** What came back, which must be there. */
async function present<T, K extends keyof T & string>(answer: Promise<T>, field: K): Promise<NonNullable<T[K]>> {
  const { [field]: value } = await answer;
  if (value === undefined || value === null) throw new Error(`the answer came without the ${field}`);
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
    const description = wireGroupDescription({ displayName: group.groupId, ...UNLESS_SAID, ...group });
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

  /**
   * Changes parameters of a group that is there.
   * @param updateMask fields of the description, as the proto spells them
   * @param expectedRevision of the description
   */
  update(
    description: Pick<NewGroup, 'groupId'> & Partial<NewGroup>,
    updateMask: readonly string[],
    expectedRevision: bigint,
  ): Promise<ServiceGroup> {
    const wire = wireGroupDescription({ displayName: '', delivery: 'pull', ...UNLESS_SAID, ...description });
    const request = { description: wire, updateMask: [...updateMask], expectedRevision };
    return present(this.serviceGroups.updateServiceGroup(request, DEADLINE), 'group');
  }

  getGroup(groupId: string): Promise<ServiceGroup> {
    return present(this.serviceGroups.getServiceGroup({ groupId }), 'group');
  }

  /** Ids of the groups of one entity, sorted; those in which it rests are said to be suspended. */
  async memberships(entity: string): Promise<readonly { readonly groupId: string; readonly suspended: boolean }[]> {
    const { memberships } = await this.serviceGroups.listMemberships({ entity, pageSize: 1_000, pageToken: '' });
    return memberships.sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
  }

  /** The versions of its Group Key, as the CPNS Server has them. */
  groupKeyStatus(groupId: string, { withRecipients = false } = {}): Promise<GroupKeyStatus> {
    return present(this.groupKeys.getGroupKeyStatus({ groupId, entity: '', withRecipients }), 'status');
  }

  /** A new version by hand; the same request again is answered with the same version. */
  rotate(
    groupId: string,
    { emergency = false, requestId = randomBytes(16) }: { emergency?: boolean; requestId?: Buffer } = {},
  ): Promise<GroupKeyStatus> {
    return present(this.groupKeys.rotateGroupKey({ groupId, emergency, requestId }, DEADLINE), 'status');
  }
}
