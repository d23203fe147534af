import { GroupKeyManagementServiceService, KmcServiceService, ServiceGroupServiceService } from '@cpns/contracts';
import type { Attempt } from './attempt';
import type { GroupMember } from '../support/group-member';
import type { Scene } from './scene';
import { as } from './ways';

const pullOfOwn = async (scene: Scene) => pullFor(scene, await scene.groups.bystander());

/** The hostile gateway pulls what it may: an envelope for a member of its own PN. */
const pullFor = (scene: Scene, { groupId, entity }: GroupMember, version = 0n) =>
  scene.groups.served.links.deliveries.pullGroupKey({ groupId, version, entity });

/** Things that are not a gateway's to do with Service Groups and their keys, one of each kind; the rest is bad input. */
export const GROUP_OVERREACHES: readonly Attempt[] = [
  {
    name: 'pulls for a member of another PN',
    honest: pullOfOwn,
    attempt: async (scene) => {
      const victim = await scene.groups.victim();
      return as(scene, scene.foreign, ({ deliveries }) =>
        deliveries.pullGroupKey({ groupId: victim.groupId, version: 0n, entity: victim.entity }),
      );
    },
    reason: 'PN_MISMATCH',
  },
  {
    name: 'pulls a version from after its entity left',
    honest: pullOfOwn,
    attempt: async (scene) => {
      const victim = await scene.groups.victim();
      await scene.groups.nextVersion(victim.groupId);
      await scene.groups.operator.removeMembers(victim.groupId, [victim.entity]);
      return pullFor(scene, victim, 3n);
    },
    reason: 'VERSION_NOT_GIVEN',
  },
  {
    name: 'lets an entity of another PN join',
    honest: joinHonestly,
    attempt: async (scene) => {
      const { groupId, entity } = await openGroup(scene);
      return as(scene, scene.foreign, ({ memberships }) => memberships.joinServiceGroup({ groupId, entity }));
    },
    reason: 'PN_MISMATCH',
  },
  {
    name: 'adds a member as an operator would',
    honest: joinHonestly,
    attempt: async (scene) => {
      const { groupId, entity } = await closedGroup(scene);
      const smf = scene.groups.served.links.connection.smf.client(ServiceGroupServiceService);
      return smf.addMembers({ groupId, members: [entity] });
    },
    reason: 'ROLE_NOT_PERMITTED',
  },
  {
    name: 'changes the members at CSKMF as the SMF would',
    honest: joinHonestly,
    attempt: async (scene) => {
      const { groupId, entity } = await closedGroup(scene);
      const cskmf = scene.groups.served.links.connection['cpns-server'].client(GroupKeyManagementServiceService);
      return cskmf.updateGroupKey({ groupId, membershipRevision: 2n, joined: [entity], left: [] });
    },
    reason: 'ROLE_NOT_PERMITTED',
  },
  {
    name: 'asks the KMC for a Group Key',
    honest: pullOfOwn,
    attempt: async (scene) => {
      const { groupId } = await scene.groups.victim();
      return scene.groups.served.links.connection.kmc.client(KmcServiceService).getKeyVersion({ groupId, version: 1n });
    },
    reason: 'ROLE_NOT_PERMITTED',
  },
];

/** A group, and a device that is no member of it. */
async function groupAndStranger(scene: Scene, openToJoin: boolean) {
  const { groupId } = await scene.groups.victim({ openToJoin });
  return { groupId, entity: (await scene.groups.stranger(groupId)).entity };
}

const openGroup = (scene: Scene) => groupAndStranger(scene, true);
const closedGroup = (scene: Scene) => groupAndStranger(scene, false);

async function joinHonestly(scene: Scene) {
  return scene.groups.served.links.memberships.joinServiceGroup(await openGroup(scene));
}
