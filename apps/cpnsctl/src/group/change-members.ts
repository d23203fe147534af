/** `group add` and `group remove`: a change of membership and the new Group Key that follows from it (GK-UPDATE-M). */
import { Command } from 'commander';
import { withSmf, withSmfConnection, type SmfConnection, type SmfFlags } from '../connection';
import type { Io } from '../io';
import * as values from '../option-values';
import { withOutput, writeAnswer, type OutputFormat } from '../output';
import { CHANGE_DEADLINE } from './deadline';
import { describeGroup } from './describe';
import { groupTable } from './tables';

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
