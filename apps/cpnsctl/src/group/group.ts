/** `group`: what an operator asks of Service Groups, and groups as tables, for people. */
import { parseEntityUri } from '@cpns/core';
import { Command } from 'commander';
import { CHANGE_DEADLINE, type SmfConnection, type SmfFlags, withSmf, withSmfConnection } from '../connection';
import type { Io } from '../io';
import * as values from '../option-values';
import { type Column, fieldTable, listTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { allPages, PAGE_SIZE } from '../paging';
import { formatDuration } from '../values';
import { type DeliveryMode, describeGroup, type GroupAnswer, type GroupSummary, summarizeGroup } from './describe';
import { deliveryOption, descriptionOf, type ParameterFlags, withParameters } from './parameters';

const stateOf = ({ deleted }: GroupSummary): string => (deleted ? 'deleted' : 'live');

interface MemberRow {
  readonly member: string;
  readonly isSuspended: boolean;
}

const memberColumns: readonly Column<MemberRow>[] = [
  { heading: 'member', cell: ({ member }) => member },
  { heading: 'Personal Network', cell: ({ member }) => parseEntityUri(member).pn },
  { heading: 'state', cell: ({ isSuspended }) => (isSuspended ? 'suspended' : 'member') },
];

const rowsOf = ({ members, suspended }: GroupAnswer): MemberRow[] => [
  ...members.map((member) => ({ member, isSuspended: false })),
  ...suspended.map((member) => ({ member, isSuspended: true })),
];

const orNone = (milliseconds: number, none: string): string =>
  milliseconds === 0 ? none : formatDuration(milliseconds);

export const groupTable = (group: GroupAnswer): string =>
  [
    fieldTable([
      ['group', group.groupId],
      ['name', group.displayName ?? '-'],
      ['state', stateOf(group)],
      ['delivery', group.delivery],
      ['members seal for', formatDuration(group.sealPeriod)],
      ['renewed every', orNone(group.updatePeriod, 'never by itself')],
      ['made before its use by', orNone(group.activationDelay, 'as the CPNS Server is set')],
      group.delivery === 'pull'
        ? ['versions given out before their time', String(Math.max(1, group.preparedVersions))]
        : ['joins share a version for', orNone(group.joinWindow, 'no time')],
      ['who joins gets', group.joinKeepsVersion ? 'the version in use' : 'a new version'],
      ['open to join', group.openToJoin ? 'yes' : 'no'],
      ['revision', String(group.membershipRevision)],
      ['revision of the parameters', String(group.descriptionRevision)],
      ['members', `${group.members.length} of at most ${group.maxMembers}`],
    ]),
    listTable(rowsOf(group), memberColumns),
  ].join('\n');

const groupColumns: readonly Column<GroupSummary>[] = [
  { heading: 'group', cell: ({ groupId }) => groupId },
  { heading: 'name', cell: ({ displayName }) => displayName ?? '-' },
  { heading: 'delivery', cell: ({ delivery }) => delivery },
  { heading: 'members seal for', cell: ({ sealPeriod }) => formatDuration(sealPeriod) },
  { heading: 'open to join', cell: ({ openToJoin }) => (openToJoin ? 'yes' : 'no') },
  { heading: 'revision', cell: ({ membershipRevision }) => String(membershipRevision) },
  { heading: 'state', cell: stateOf },
];

interface CreateFlags extends SmfFlags, ParameterFlags {
  readonly delivery: DeliveryMode;
  readonly member?: readonly string[];
  readonly output: OutputFormat;
}

const withGroup = (command: Command): Command =>
  withParameters(
    command
      .argument(
        '<group-id>',
        '1 to 64 of A-Z a-z 0-9 . _ -; never used again once the group was deleted',
        values.groupId,
      )
      .addOption(deliveryOption())
      .option('--member <uri>', 'E of a first member; repeatable', values.repeated(values.entityUri)),
  );

/** `group create`: a Service Group with its first members; its Group Key follows before the command ends (GK-CREATE). */
export function createCommand(io: Io): Command {
  const command = new Command('create').description('make a Service Group with its first members, and its Group Key');
  return withOutput(withSmfConnection(withGroup(command))).action(async (groupId: string, flags: CreateFlags) => {
    const request = { description: descriptionOf(groupId, flags), members: [...(flags.member ?? [])] };
    const { group } = await withSmf(flags, io.now(), ({ serviceGroups }) =>
      serviceGroups.createServiceGroup(request, CHANGE_DEADLINE),
    );
    const answer = describeGroup(group);
    writeAnswer(io, flags.output, answer, () => groupTable(answer));
  });
}

interface Change {
  readonly name: string;
  readonly description: string;
  readonly rpc: (smf: SmfConnection) => SmfConnection['serviceGroups']['addMembers' | 'removeMembers'];
}

function changeCommand(io: Io, { name, description, rpc }: Change): Command {
  const command = new Command(name)
    .description(description)
    .argument('<group-id>', 'the group', values.groupId)
    .argument('<entity...>', 'E of each', values.repeated(values.entityUri));
  return withOutput(withSmfConnection(command)).action(
    async (groupId: string, members: readonly string[], flags: SmfFlags & { readonly output: OutputFormat }) => {
      const { group } = await withSmf(flags, io.now(), (smf) =>
        rpc(smf)({ groupId, members: [...members] }, CHANGE_DEADLINE),
      );
      const answer = describeGroup(group);
      writeAnswer(io, flags.output, answer, () => groupTable(answer));
    },
  );
}

/** `group add` and `group remove`: a change of membership and the new Group Key that follows from it (GK-UPDATE-M). */
export const addCommand = (io: Io): Command =>
  changeCommand(io, {
    name: 'add',
    description: 'add members; they get no key from before',
    rpc: ({ serviceGroups }) => serviceGroups.addMembers,
  });

export const removeCommand = (io: Io): Command =>
  changeCommand(io, {
    name: 'remove',
    description: 'remove members; they get no key from then on, and cannot join again by themselves',
    rpc: ({ serviceGroups }) => serviceGroups.removeMembers,
  });

/** `group delete`: ends a group and its Group Key for good (GK-DELETE). */
export function deleteCommand(io: Io): Command {
  const command = new Command('delete')
    .description('delete a Service Group: its key is destroyed, its id is never used again')
    .argument('<group-id>', 'the group', values.groupId);
  return withOutput(withSmfConnection(command)).action(
    async (groupId: string, flags: SmfFlags & { readonly output: OutputFormat }) => {
      const { group } = await withSmf(flags, io.now(), ({ serviceGroups }) =>
        serviceGroups.deleteServiceGroup({ groupId }, CHANGE_DEADLINE),
      );
      const answer = describeGroup(group);
      writeAnswer(io, flags.output, answer, () => groupTable(answer));
    },
  );
}

async function listGroups({ serviceGroups }: SmfConnection): Promise<GroupSummary[]> {
  const groups = await allPages(async (pageToken) => {
    const { groups: items, nextPageToken } = await serviceGroups.listServiceGroups({ pageSize: PAGE_SIZE, pageToken });
    return { items, nextPageToken };
  });
  return groups.map(summarizeGroup).sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

/** `group list`: one line per Service Group. */
export function listGroupsCommand(io: Io): Command {
  const command = new Command('list').description('list the Service Groups, those that were deleted among them');
  return withOutput(withSmfConnection(command)).action(async (flags: SmfFlags & { readonly output: OutputFormat }) => {
    const groups = await withSmf(flags, io.now(), listGroups);
    writeAnswer(io, flags.output, groups, () => listTable(groups, groupColumns));
  });
}

/** `group show`: one Service Group with its members. */
export function showGroupCommand(io: Io): Command {
  const command = new Command('show')
    .description('show one Service Group with its members')
    .argument('<group-id>', 'the group', values.groupId);
  return withOutput(withSmfConnection(command)).action(
    async (groupId: string, flags: SmfFlags & { readonly output: OutputFormat }) => {
      const { group } = await withSmf(flags, io.now(), ({ serviceGroups }) =>
        serviceGroups.getServiceGroup({ groupId }),
      );
      const answer = describeGroup(group);
      writeAnswer(io, flags.output, answer, () => groupTable(answer));
    },
  );
}
