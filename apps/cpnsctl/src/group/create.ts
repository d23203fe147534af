/** `group create`: a Service Group with its first members; its Group Key follows before the command ends (GK-CREATE). */
import type { GroupDescription } from '@cpns/contracts';
import { duration } from '@cpns/core';
import { Command, Option } from 'commander';
import { withSmf, withSmfConnection, type SmfFlags } from '../connection';
import type { Io } from '../io';
import * as values from '../option-values';
import { withOutput, writeAnswer, type OutputFormat } from '../output';
import { DELIVERY_MODES, describeGroup, type DeliveryMode } from './describe';
import { CHANGE_DEADLINE } from './deadline';
import { groupTable } from './tables';

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
