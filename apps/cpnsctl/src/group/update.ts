/** `group update`: other parameters for a Service Group that is there. */
import { Command, Option } from 'commander';
import { CHANGE_DEADLINE, type SmfConnection, type SmfFlags, withSmf, withSmfConnection } from '../connection';
import { UsageError } from '../exit-codes';
import type { Io } from '../io';
import * as values from '../option-values';
import { type OutputFormat, withOutput, writeAnswer } from '../output';
import { describeGroup } from './describe';
import { groupTable } from './group';
import { descriptionOf, type ParameterFlags, updateMaskOf, withParameters } from './parameters';

interface UpdateFlags extends SmfFlags, ParameterFlags {
  readonly expectedRevision?: number;
  readonly output: OutputFormat;
}

async function update({ serviceGroups }: SmfConnection, groupId: string, flags: UpdateFlags) {
  const expectedRevision =
    flags.expectedRevision === undefined
      ? ((await serviceGroups.getServiceGroup({ groupId })).group?.descriptionRevision ?? 0n)
      : BigInt(flags.expectedRevision);
  // of the description, only what the mask names is read
  const description = descriptionOf(groupId, { ...flags, delivery: 'pull' });
  const request = { description, updateMask: updateMaskOf(flags), expectedRevision };
  return describeGroup((await serviceGroups.updateServiceGroup(request, CHANGE_DEADLINE)).group);
}

/** `group update`: changes what is given, and nothing else. */
export function updateCommand(io: Io): Command {
  const command = new Command('update')
    .description('change parameters of a Service Group; what is not given stays as it is')
    .argument('<group-id>', 'the group', values.groupId);
  return withOutput(withSmfConnection(withParameters(command)))
    .addOption(
      new Option(
        '--expected-revision <count>',
        'revision of the description that the change is made on; the present one, unless given',
      ).argParser(values.count),
    )
    .action(async (groupId: string, flags: UpdateFlags) => {
      if (updateMaskOf(flags).length === 0) throw new UsageError('give what to change');
      const answer = await withSmf(flags, io.now(), (smf) => update(smf, groupId, flags));
      writeAnswer(io, flags.output, answer, () => groupTable(answer));
    });
}
