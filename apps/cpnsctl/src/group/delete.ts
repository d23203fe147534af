/** `group delete`: ends a group and its Group Key for good (GK-DELETE). */
import { Command } from 'commander';
import { withSmf, withSmfConnection, type SmfFlags } from '../connection';
import type { Io } from '../io';
import * as values from '../option-values';
import { withOutput, writeAnswer, type OutputFormat } from '../output';
import { CHANGE_DEADLINE } from './deadline';
import { describeGroup } from './describe';
import { groupTable } from './tables';

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
