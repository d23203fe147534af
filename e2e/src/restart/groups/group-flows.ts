import type { NamedFlow } from '../due';
import { persistently } from '../house';
import type { Run } from '../flow';
import { ChangeRun, create, type Change } from './change-run';
import { PullRun, PushRun } from './device-runs';
import { GROUP_DUE, type GroupFlowName } from './group-due';
import type { GroupHouse } from './group-house';

export interface GroupFlow extends NamedFlow {
  prepare(groups: GroupHouse): Promise<Run>;
}

const flow = (name: GroupFlowName, prepare: GroupFlow['prepare']): GroupFlow => ({
  name,
  due: GROUP_DUE[name],
  prepare,
});

const changes = (name: GroupFlowName, change: Change): GroupFlow =>
  flow(name, (groups) => ChangeRun.prepare(groups, change));

const operatorOf = (groups: GroupHouse) => groups.house.deployment.operator.groups;

const creates = (name: GroupFlowName, delivery: 'pull' | 'push'): GroupFlow =>
  changes(name, {
    delivery,
    before: [],
    after: ['stayer', 'afar'],
    ask: (groups, groupId) => create(groups, groupId, delivery, ['stayer', 'afar']),
  });

const adds = (name: GroupFlowName, delivery: 'pull' | 'push'): GroupFlow =>
  changes(name, {
    delivery,
    before: ['stayer', 'afar'],
    after: ['stayer', 'afar', 'mover'],
    ask: (groups, groupId) => persistently(() => operatorOf(groups).addMembers(groupId, [groups.entity('mover')])),
  });

export const GROUP_FLOWS: readonly GroupFlow[] = [
  creates('FLOW-PULL', 'pull'),
  creates('FLOW-PUSH', 'push'),
  adds('GK-UPDATE-M, added in a pull group', 'pull'),
  adds('GK-UPDATE-M, added in a push group', 'push'),
  changes('GK-UPDATE-M, removed', {
    delivery: 'push',
    before: ['stayer', 'afar', 'mover'],
    after: ['stayer', 'afar'],
    ask: (groups, groupId) => persistently(() => operatorOf(groups).removeMembers(groupId, [groups.entity('mover')])),
  }),
  changes('GK-UPDATE-M, joins', {
    delivery: 'pull',
    before: ['stayer', 'afar'],
    after: ['stayer', 'afar', 'mover'],
    ask: (groups, groupId) => persistently(() => groups.members.mover.local.groups.join(groupId)),
  }),
  changes('GK-UPDATE-M, leaves', {
    delivery: 'pull',
    before: ['stayer', 'afar', 'mover'],
    after: ['stayer', 'afar'],
    ask: (groups, groupId) => persistently(() => groups.members.mover.local.groups.leave(groupId)),
  }),
  changes('GK-DELETE', {
    delivery: 'push',
    before: ['stayer', 'afar'],
    after: [],
    deletes: true,
    ask: (groups, groupId) => persistently(() => operatorOf(groups).deleteGroup(groupId)),
  }),
  flow('GK-PULL', (groups) => PullRun.prepare(groups)),
  flow('GK-PUSH', (groups) => PushRun.prepare(groups)),
];
