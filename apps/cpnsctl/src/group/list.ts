/** `group list`: one line per Service Group. */
import { Command } from 'commander';
import { withSmf, withSmfConnection, type SmfConnection, type SmfFlags } from '../connection';
import type { Io } from '../io';
import { listTable, withOutput, writeAnswer, type OutputFormat } from '../output';
import { allPages, PAGE_SIZE } from '../paging';
import { summarizeGroup, type GroupSummary } from './describe';
import { groupColumns } from './tables';

async function listGroups({ serviceGroups }: SmfConnection): Promise<GroupSummary[]> {
  const groups = await allPages(async (pageToken) => {
    const { groups: items, nextPageToken } = await serviceGroups.listServiceGroups({ pageSize: PAGE_SIZE, pageToken });
    return { items, nextPageToken };
  });
  return groups.map(summarizeGroup).sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

export function listGroupsCommand(io: Io): Command {
  const command = new Command('list').description('list the Service Groups, those that were deleted among them');
  return withOutput(withSmfConnection(command)).action(async (flags: SmfFlags & { readonly output: OutputFormat }) => {
    const groups = await withSmf(flags, io.now(), listGroups);
    writeAnswer(io, flags.output, groups, () => listTable(groups, groupColumns));
  });
}
