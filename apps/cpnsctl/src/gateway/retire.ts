/** `gateway retire`: a PN GW is to be revoked by a date, until which its entities keep everything. */
import { CpnsError } from '@cpns/core';
import { Command, Option } from 'commander';
import { confirm, type ConfirmationFlags, withConfirmation } from '../confirmation';
import { CHANGE_DEADLINE, type ConnectionFlags, withConnection, withServer } from '../connection';
import { describeGateway, type GatewayAnswer } from '../describe';
import { describeReport, type EndReportAnswer, reportTable } from '../end-report';
import { UsageError } from '../exit-codes';
import type { Io } from '../io';
import * as values from '../option-values';
import { fieldTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { isoTime, readableTime } from '../values';

interface RetireFlags extends ConnectionFlags, ConfirmationFlags {
  readonly at?: number;
  readonly in?: number;
  readonly cancel?: boolean;
  readonly output: OutputFormat;
}

/** Unix milliseconds; 0 takes the date back. @throws UsageError unless exactly one way of saying it is used */
export function retirementTime(flags: Pick<RetireFlags, 'at' | 'in' | 'cancel'>, now: number): number {
  const given = [flags.at, flags.in === undefined ? undefined : now + flags.in, flags.cancel ? 0 : undefined];
  const [at, ...more] = given.filter((one) => one !== undefined);
  if (at === undefined || more.length > 0) throw new UsageError('give --at, --in or --cancel');
  return at;
}

interface RetirementAnswer {
  readonly gateway: GatewayAnswer;
  /** What will follow: its entities are those to be moved to another assigner by then. */
  readonly report: EndReportAnswer;
}

const retirementTable = ({ gateway, report }: RetirementAnswer, now: number): string =>
  [
    fieldTable([
      ['gateway', gateway.entity],
      ['is revoked', readableTime(gateway.retireAt, now)],
    ]),
    reportTable(report, true),
  ].join('\n');

/** `gateway retire`: it takes no new entity from now on, and those that it has are to be moved by the date. */
export function retireGatewayCommand(io: Io): Command {
  const command = new Command('retire')
    .description('have a PN GW revoked by a date: it gets no new entity, those that it has are to be moved by then')
    .argument('<gateway>', 'E of the PN GW', values.gatewayUri)
    .addOption(new Option('--at <time>', 'when, such as 2026-12-24T12:00Z').argParser(values.time))
    .addOption(new Option('--in <duration>', 'when, from now on, such as 24h, 30d').argParser(values.lifetime))
    .option('--cancel', 'take an earlier date back');
  return withOutput(withConfirmation(withConnection(command))).action(async (entity: string, flags: RetireFlags) => {
    const at = retirementTime(flags, io.now());
    const when = readableTime(isoTime(BigInt(at)), io.now());
    await confirm(io, flags, at === 0 ? `Let ${entity} go on` : `Revoke ${entity} at ${when}`);
    const { gateway, report } = await withServer(flags, io.now(), ({ enrolment }) =>
      enrolment.retireGateway({ entity, at: BigInt(at) }, CHANGE_DEADLINE),
    );
    if (gateway === undefined) throw new CpnsError('INTERNAL', 'the Server answered without the gateway');
    const answer = { gateway: describeGateway(gateway), report: describeReport(report) };
    writeAnswer(io, flags.output, answer, () => retirementTable(answer, io.now()));
  });
}
