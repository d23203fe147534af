/** `group versions`: where each version of a Group Key stands, as CSKMF in the CPNS Server has it. */
import { Command } from 'commander';
import { withConnection, withServer, type ConnectionFlags } from '../connection';
import type { Io } from '../io';
import * as values from '../option-values';
import { fieldTable, listTable, withOutput, writeAnswer, type Column, type OutputFormat } from '../output';
import { readableTime } from '../values';
import { describeVersions, type VersionAnswer, type VersionsAnswer } from './describe';

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
