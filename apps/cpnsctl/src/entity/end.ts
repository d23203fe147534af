/** `entity revoke`, `suspend` and `resume`, and `gateway revoke`: an operator ends a right, or has it rest. */
import { RevocationKind, type RevokeEntityUserKeyRequest } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { keyIdBytes } from '@cpns/key-derivation';
import { Command, Option } from 'commander';
import { confirm, type ConfirmationFlags, withConfirmation } from '../confirmation';
import {
  CHANGE_DEADLINE,
  type ConnectionFlags,
  type ServerConnection,
  withConnection,
  withServer,
} from '../connection';
import { describeAdmission, describeKey, type KeyAnswer } from '../describe';
import { describeReport, type EndReportAnswer, reportTable } from '../end-report';
import { UsageError } from '../exit-codes';
import type { Io } from '../io';
import * as values from '../option-values';
import { type OutputFormat, withOutput, writeAnswer } from '../output';
import { admissionsTable, keyTable } from './show';

interface EndFlags extends ConnectionFlags, ConfirmationFlags {
  readonly user?: string;
  readonly tokenId?: string;
  readonly keyId?: string;
  readonly keepGrace?: boolean;
  readonly dryRun: boolean;
  readonly output: OutputFormat;
}

type EndRequest = RevokeEntityUserKeyRequest;

export interface EndAnswer {
  readonly entity: string | null;
  readonly user: string | null;
  /** Nothing was changed; the report says what would be. */
  readonly dryRun: boolean;
  /** As it is now; null where the entity had none, and where a user was named. */
  readonly key: KeyAnswer | null;
  readonly report: EndReportAnswer;
}

async function end({ entityUserKeys }: ServerConnection, request: EndRequest): Promise<EndAnswer> {
  const { key, report } = await entityUserKeys.revokeEntityUserKey(request, CHANGE_DEADLINE);
  return {
    entity: request.entity || null,
    user: request.user || null,
    dryRun: request.dryRun,
    key: key === undefined ? null : describeKey(key),
    report: describeReport(report),
  };
}

export const endTable = ({ entity, key, report, dryRun }: EndAnswer, now: number): string =>
  [...(entity === null ? [] : [entity, keyTable(key, now)]), reportTable(report, dryRun)].join('\n');

const requestOf = (kind: RevocationKind, entity: string | undefined, flags: EndFlags): EndRequest => ({
  entity: entity ?? '',
  user: flags.user ?? '',
  keyId: flags.keyId === undefined ? Buffer.alloc(0) : keyIdBytes(flags.keyId),
  kind,
  dryRun: flags.dryRun,
  keepGrace: flags.keepGrace ?? false,
});

/** Shows what it would lead to, and asks; with `--dry-run` that is all. */
async function runEnd(io: Io, what: string, request: EndRequest, flags: EndFlags): Promise<void> {
  await withServer(flags, io.now(), async (server) => {
    const show = async () => io.err(`${endTable(await end(server, { ...request, dryRun: true }), io.now())}\n`);
    if (!request.dryRun) await confirm(io, flags, what, show);
    const answer = await end(server, request);
    writeAnswer(io, flags.output, answer, () => endTable(answer, io.now()));
  });
}

async function endAdmission(io: Io, entity: string, tokenId: string, flags: EndFlags): Promise<void> {
  await confirm(io, flags, `Revoke admission ${tokenId} of ${entity}`);
  const { admission } = await withServer(flags, io.now(), ({ enrolment }) =>
    enrolment.revokeAdmission({ entity, tokenId }),
  );
  if (admission === undefined) throw new CpnsError('INTERNAL', 'the Server answered without the admission');
  const answer = { entity, admission: describeAdmission(admission) };
  writeAnswer(io, flags.output, answer, () => admissionsTable([answer.admission], io.now()));
}

const withEnd = (command: Command): Command =>
  withOutput(
    withConfirmation(withConnection(command.option('--dry-run', 'change nothing, and show what would follow', false))),
  );

const keepGrace = () =>
  new Option('--keep-grace', 'let messages that are under way be opened for another minute by those who stay');

/** `entity revoke`: ends what an entity or a user has; with an option one admission or one key. */
export function revokeCommand(io: Io): Command {
  const command = new Command('revoke')
    .description('end the key and the admissions of an entity, or of all entities of a user, in every Service Group')
    .argument('[entity]', 'E', values.entityUri)
    .addOption(new Option('--user <id>', 'all entities of this CPNS User').argParser(values.userId))
    .addOption(
      new Option('--token-id <id>', 'end this admission only')
        .argParser(values.tokenId)
        .conflicts(['user', 'keyId', 'keepGrace', 'dryRun']),
    )
    .addOption(
      new Option('--key-id <hex>', 'end this key only if it is the newest').argParser(values.keyId).conflicts('user'),
    )
    .addOption(keepGrace());
  return withEnd(command).action(async (entity: string | undefined, flags: EndFlags) => {
    const { user, tokenId } = flags;
    if ((entity === undefined) === (user === undefined)) throw new UsageError('give an entity, or --user');
    if (entity !== undefined && tokenId !== undefined) return endAdmission(io, entity, tokenId, flags);
    const what = entity ?? `all entities of user ${user}`;
    return runEnd(io, `Revoke ${what}`, requestOf(RevocationKind.REVOCATION_KIND_REVOKE, entity, flags), flags);
  });
}

/** `entity suspend`: its right rests, its place in its groups is kept. */
export function suspendCommand(io: Io): Command {
  const command = new Command('suspend')
    .description('have the key of a target entity rest; its place in its Service Groups is kept')
    .argument('<entity>', 'E', values.entityUri)
    .addOption(keepGrace());
  return withEnd(command).action((entity: string, flags: EndFlags) =>
    runEnd(io, `Suspend ${entity}`, requestOf(RevocationKind.REVOCATION_KIND_SUSPEND, entity, flags), flags),
  );
}

/** `entity resume`: what was suspended counts again. */
export function resumeCommand(io: Io): Command {
  const command = new Command('resume')
    .description('end the rest of a suspended entity: its groups have a new version with it')
    .argument('<entity>', 'E', values.entityUri);
  return withEnd(command).action((entity: string, flags: EndFlags) =>
    runEnd(io, `Resume ${entity}`, requestOf(RevocationKind.REVOCATION_KIND_RESUME, entity, flags), flags),
  );
}

/** `gateway revoke`: ends a PN GW with all that it assigned. */
export function revokeGatewayCommand(io: Io): Command {
  const command = new Command('revoke')
    .description('end a PN GW: its identity, seeds and CAs, and every entity whose key it assigned')
    .argument('<gateway>', 'E of the PN GW', values.gatewayUri)
    .addOption(keepGrace());
  return withEnd(command).action((entity: string, flags: EndFlags) =>
    runEnd(io, `Revoke ${entity}`, requestOf(RevocationKind.REVOCATION_KIND_REVOKE, entity, flags), flags),
  );
}
