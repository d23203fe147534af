/** Groups as tables, for people. */
import { parseEntityUri } from '@cpns/core';
import { fieldTable, listTable, type Column } from '../output';
import { formatDuration } from '../values';
import type { GroupAnswer, GroupSummary } from './describe';

const stateOf = ({ deleted }: GroupSummary): string => (deleted ? 'deleted' : 'live');

const memberColumns: readonly Column<string>[] = [
  { heading: 'member', cell: (member) => member },
  { heading: 'Personal Network', cell: (member) => parseEntityUri(member).pn },
];

export const groupTable = (group: GroupAnswer): string =>
  [
    fieldTable([
      ['group', group.groupId],
      ['name', group.displayName ?? '-'],
      ['state', stateOf(group)],
      ['delivery', group.delivery],
      ['members seal for', formatDuration(group.sealPeriod)],
      ['open to join', group.openToJoin ? 'yes' : 'no'],
      ['revision', String(group.membershipRevision)],
      ['members', `${group.members.length} of at most ${group.maxMembers}`],
    ]),
    listTable(group.members, memberColumns),
  ].join('\n');

export const groupColumns: readonly Column<GroupSummary>[] = [
  { heading: 'group', cell: ({ groupId }) => groupId },
  { heading: 'name', cell: ({ displayName }) => displayName ?? '-' },
  { heading: 'delivery', cell: ({ delivery }) => delivery },
  { heading: 'members seal for', cell: ({ sealPeriod }) => formatDuration(sealPeriod) },
  { heading: 'open to join', cell: ({ openToJoin }) => (openToJoin ? 'yes' : 'no') },
  { heading: 'revision', cell: ({ membershipRevision }) => String(membershipRevision) },
  { heading: 'state', cell: stateOf },
];
