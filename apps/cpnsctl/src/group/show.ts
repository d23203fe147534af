/** `group show`: one Service Group with its members. */
import { Command } from 'commander';
import { withSmf, withSmfConnection, type SmfFlags } from '../connection';
import type { Io } from '../io';
import * as values from '../option-values';
import { withOutput, writeAnswer, type OutputFormat } from '../output';
import { describeGroup } from './describe';
import { groupTable } from './tables';

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
