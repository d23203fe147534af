import { GroupKeyManagementServiceService, KmcServiceService, ServiceGroupServiceService } from '@cpns/contracts';
import { departures, type Attempt } from './attempt';
import type { GroupMember } from '../support/group-member';
import type { GroupScene } from './group-scene';
import { as } from './ways';

const pullOfOwn = async (scene: GroupScene) => pullFor(scene, await scene.bystander());

/** The hostile gateway pulls what it may: an envelope for a member of its own PN. */
const pullFor = (scene: GroupScene, { groupId, entity }: GroupMember, version = 0n) =>
  scene.served.links.deliveries.pullGroupKey({ groupId, version, entity });

/** Things that are not a gateway's to do with Service Groups and their keys, one of each kind; the rest is bad input. */
export const GROUP_OVERREACHES: readonly Attempt[] = [
  ...departures(pullOfOwn, {
    'pulls for a member of another PN': [
      'PN_MISMATCH',
      async (scene) => {
        const victim = await scene.member();
        return as(scene, scene.foreign, ({ deliveries }) =>
          deliveries.pullGroupKey({ groupId: victim.groupId, version: 0n, entity: victim.entity }),
        );
      },
    ],
    'pulls a version from after its entity left': [
      'VERSION_NOT_GIVEN',
      async (scene) => {
        const victim = await scene.member();
        await scene.nextVersion(victim.groupId);
        await scene.operator.removeMembers(victim.groupId, [victim.entity]);
        return pullFor(scene, victim, 3n);
      },
    ],
    'asks the KMC for a Group Key': [
      'ROLE_NOT_PERMITTED',
      async (scene) => {
        const { groupId } = await scene.member();
        return scene.served.links.connection.kmc.client(KmcServiceService).getKeyVersion({ groupId, version: 1n });
      },
    ],
  }),
  ...departures(joinHonestly, {
    'lets an entity of another PN join': [
      'PN_MISMATCH',
      async (scene) => {
        const { groupId, entity } = await openGroup(scene);
        return as(scene, scene.foreign, ({ memberships }) => memberships.joinServiceGroup({ groupId, entity }));
      },
    ],
    'adds a member as an operator would': [
      'ROLE_NOT_PERMITTED',
      async (scene) => {
        const { groupId, entity } = await closedGroup(scene);
        const smf = scene.served.links.connection.smf.client(ServiceGroupServiceService);
        return smf.addMembers({ groupId, members: [entity] });
      },
    ],
    'changes the members at CSKMF as the SMF would': [
      'ROLE_NOT_PERMITTED',
      async (scene) => {
        const { groupId, entity } = await closedGroup(scene);
        const cskmf = scene.served.links.connection.server.client(GroupKeyManagementServiceService);
        return cskmf.updateGroupKey({ groupId, membershipRevision: 2n, joined: [entity], left: [] });
      },
    ],
  }),
];

/** A group, and a device that is no member of it. */
async function groupAndStranger(scene: GroupScene, openToJoin: boolean) {
  const { groupId } = await scene.member({ openToJoin });
  return { groupId, entity: (await scene.stranger(groupId)).entity };
}

const openGroup = (scene: GroupScene) => groupAndStranger(scene, true);
const closedGroup = (scene: GroupScene) => groupAndStranger(scene, false);

async function joinHonestly(scene: GroupScene) {
  return scene.served.links.memberships.joinServiceGroup(await openGroup(scene));
}
