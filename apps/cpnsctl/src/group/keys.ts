/** `group versions` and `group rotate`: the Group Key of a group, at CSKMF in the CPNS Server. */
import { systemRandom } from '@cpns/core';
import { Command } from 'commander';
import { confirm, type ConfirmationFlags, withConfirmation } from '../confirmation';
import { CHANGE_DEADLINE, type ConnectionFlags, withConnection, withServer } from '../connection';
import type { Io } from '../io';
import * as values from '../option-values';
import { type Column, fieldTable, listTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { readableTime } from '../values';
import { describeVersions, type VersionAnswer, type VersionsAnswer } from './describe';

/** By which a repetition on the wire is known, bytes. */
const REQUEST_ID_BYTES = 16;

const columns = (now: number): readonly Column<VersionAnswer>[] => [
  { heading: 'version', cell: ({ version }) => String(version) },
  { heading: 'state', cell: ({ state }) => state },
  { heading: 'made', cell: ({ madeAt }) => readableTime(madeAt, now) },
  { heading: 'in use from', cell: ({ activateAt }) => readableTime(activateAt, now) },
  { heading: 'seals until', cell: ({ sealUntil }) => readableTime(sealUntil, now) },
];

const recipientColumns: readonly Column<VersionAnswer>[] = [
  { heading: 'recipients', cell: ({ recipients }) => String(recipients) },
  { heading: 'acknowledged', cell: ({ acknowledged }) => String(acknowledged) },
];

interface Waiting {
  readonly gateway: string;
  readonly version: number;
  readonly since: string | null;
}

const waitingColumns = (now: number): readonly Column<Waiting>[] => [
  { heading: 'gateway that has not acknowledged', cell: ({ gateway }) => gateway },
  { heading: 'version', cell: ({ version }) => String(version) },
  { heading: 'since', cell: ({ since }) => readableTime(since, now) },
];

const waitingOf = ({ versions }: VersionsAnswer): Waiting[] =>
  versions.flatMap(({ waiting, version, madeAt }) => waiting.map((gateway) => ({ gateway, version, since: madeAt })));

/** @param withRecipients whether the answer has them */
export function versionsTable(answer: VersionsAnswer, now: number, withRecipients = true): string {
  const { groupId, membershipRevision, deleted, versions } = answer;
  const waiting = waitingOf(answer);
  return [
    fieldTable([
      ['group', groupId],
      ['state', deleted ? 'deleted' : 'live'],
      ['revision that the newest serves', String(membershipRevision)],
    ]),
    listTable(versions, [...columns(now), ...(withRecipients ? recipientColumns : [])]),
    ...(waiting.length === 0 ? [] : [listTable(waiting, waitingColumns(now))]),
  ].join('\n');
}

/** `group versions`: where each version of a Group Key stands, who it is for, and which gateways hold it up. */
export function versionsCommand(io: Io): Command {
  const command = new Command('versions')
    .description('show the versions of a group’s key at the CPNS Server, and which gateways have not acknowledged them')
    .argument('<group-id>', 'the group', values.groupId);
  return withOutput(withConnection(command)).action(
    async (groupId: string, flags: ConnectionFlags & { readonly output: OutputFormat }) => {
      const { status } = await withServer(flags, io.now(), ({ groupKeys }) =>
        groupKeys.getGroupKeyStatus({ groupId, entity: '', withRecipients: true }),
      );
      const answer = describeVersions(status);
      writeAnswer(io, flags.output, answer, () => versionsTable(answer, io.now()));
    },
  );
}

interface RotateFlags extends ConnectionFlags, ConfirmationFlags {
  readonly emergency: boolean;
  readonly output: OutputFormat;
}

/** `group rotate`: a new version by hand, for the same members. */
export function rotateCommand(io: Io): Command {
  const command = new Command('rotate')
    .description('make a new version of a group’s key for the same members')
    .argument('<group-id>', 'the group', values.groupId)
    .option('--emergency', 'have it used at once: no older version opens any more, messages under way are lost', false);
  return withOutput(withConfirmation(withConnection(command))).action(async (groupId: string, flags: RotateFlags) => {
    const { emergency } = flags;
    await confirm(io, flags, `Rotate the key of ${groupId}${emergency ? ', and refuse every older version' : ''}`);
    const request = { groupId, emergency, requestId: systemRandom.bytes(REQUEST_ID_BYTES) };
    const { status } = await withServer(flags, io.now(), ({ groupKeys }) =>
      groupKeys.rotateGroupKey(request, CHANGE_DEADLINE),
    );
    const answer = describeVersions(status);
    writeAnswer(io, flags.output, answer, () => versionsTable(answer, io.now(), false));
  });
}
