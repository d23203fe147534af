/** `group`: what an operator asks of Service Groups, and groups as tables, for people. */
import type { GroupDescription } from '@cpns/contracts';
import { duration, parseEntityUri } from '@cpns/core';
import { Command, Option } from 'commander';
import {
  type ConnectionFlags,
  type SmfConnection,
  type SmfFlags,
  withConnection,
  withServer,
  withSmf,
  withSmfConnection,
} from '../connection';
import type { Io } from '../io';
import * as values from '../option-values';
import { type Column, fieldTable, listTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { allPages, PAGE_SIZE } from '../paging';
import { formatDuration, readableTime } from '../values';
import {
  DELIVERY_MODES,
  type DeliveryMode,
  describeGroup,
  describeVersions,
  type GroupAnswer,
  type GroupSummary,
  summarizeGroup,
  type VersionAnswer,
  type VersionsAnswer,
} from './describe';

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

const groupColumns: readonly Column<GroupSummary>[] = [
  { heading: 'group', cell: ({ groupId }) => groupId },
  { heading: 'name', cell: ({ displayName }) => displayName ?? '-' },
  { heading: 'delivery', cell: ({ delivery }) => delivery },
  { heading: 'members seal for', cell: ({ sealPeriod }) => formatDuration(sealPeriod) },
  { heading: 'open to join', cell: ({ openToJoin }) => (openToJoin ? 'yes' : 'no') },
  { heading: 'revision', cell: ({ membershipRevision }) => String(membershipRevision) },
  { heading: 'state', cell: stateOf },
];

/** A change of a group is answered once its Group Key is ready: SMF, CPNS Server and KMC have all committed it. */
const CHANGE_DEADLINE = { deadlineMs: duration(30, 'second') };

const DEFAULT_SEAL_PERIOD = duration(7, 'day');

interface CreateFlags extends SmfFlags {
  readonly delivery: DeliveryMode;
  readonly name: string;
  readonly member?: readonly string[];
  readonly sealPeriod: number;
  readonly maxMembers: number;
  readonly openToJoin: boolean;
  readonly output: OutputFormat;
}

export const descriptionOf = (groupId: string, flags: CreateFlags): GroupDescription => ({
  groupId,
  displayName: flags.name,
  delivery: DELIVERY_MODES[flags.delivery],
  sealPeriod: BigInt(flags.sealPeriod),
  updatePeriod: 0n,
  maxMembers: flags.maxMembers,
  openToJoin: flags.openToJoin,
});

const withGroup = (command: Command): Command =>
  command
    .argument('<group-id>', '1 to 64 of A-Z a-z 0-9 . _ -; never used again once the group was deleted', values.groupId)
    .addOption(
      new Option('--delivery <mode>', 'how members get a new Group Key: when they need it, or at once')
        .choices(Object.keys(DELIVERY_MODES))
        .makeOptionMandatory(),
    )
    .option('--member <uri>', 'E of a first member; repeatable', values.repeated(values.entityUri))
    .option('--name <text>', 'for people', '')
    .option(
      '--seal-period <duration>',
      'how long members may seal with one version of the key, such as 15m, 24h, 7d',
      values.lifetime,
      DEFAULT_SEAL_PERIOD,
    )
    .option('--max-members <count>', 'as many as the SMF takes by default, unless given', values.count, 0)
    .option('--open-to-join', 'let any entity with a registered key join by itself', false);

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

const columns = (now: number): readonly Column<VersionAnswer>[] => [
  { heading: 'version', cell: ({ version }) => String(version) },
  { heading: 'state', cell: ({ state }) => state },
  { heading: 'in use from', cell: ({ activateAt }) => readableTime(activateAt, now) },
  { heading: 'seals until', cell: ({ sealUntil }) => readableTime(sealUntil, now) },
];

export const versionsTable = ({ groupId, membershipRevision, deleted, versions }: VersionsAnswer, now: number) =>
  [
    fieldTable([
      ['group', groupId],
      ['state', deleted ? 'deleted' : 'live'],
      ['revision that the newest serves', String(membershipRevision)],
    ]),
    listTable(versions, columns(now)),
  ].join('\n');

/** `group versions`: where each version of a Group Key stands, as CSKMF in the CPNS Server has it. */
export function versionsCommand(io: Io): Command {
  const command = new Command('versions')
    .description('show the versions of a group’s key at the CPNS Server')
    .argument('<group-id>', 'the group', values.groupId);
  return withOutput(withConnection(command)).action(
    async (groupId: string, flags: ConnectionFlags & { readonly output: OutputFormat }) => {
      const { status } = await withServer(flags, io.now(), ({ groupKeys }) => groupKeys.getGroupKeyStatus({ groupId }));
      const answer = describeVersions(status);
      writeAnswer(io, flags.output, answer, () => versionsTable(answer, io.now()));
    },
  );
}
