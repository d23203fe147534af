/** `gateway show`: one PN GW with the 1st seeds and CA certificates that it was given. */
import { CpnsError } from '@cpns/core';
import { Command } from 'commander';
import { withConnection, withServer, type ConnectionFlags } from '../connection';
import { describeGateway, type FirstSeedAnswer, type GatewayAnswer, type GatewayCaAnswer } from '../describe';
import type { Io } from '../io';
import * as values from '../option-values';
import { fieldTable, listTable, withOutput, writeAnswer, type Column, type OutputFormat } from '../output';
import { readableTime } from '../values';

const seedColumns = (now: number): readonly Column<FirstSeedAnswer>[] => [
  { heading: '1st seed', cell: ({ firstSeedId }) => firstSeedId },
  { heading: 'assigns until', cell: ({ assignUntil }) => readableTime(assignUntil, now) },
  { heading: 'registers until', cell: ({ registerUntil }) => readableTime(registerUntil, now) },
  {
    heading: 'registered of allowed',
    cell: ({ registeredEntities, maxEntities }) => `${registeredEntities} of ${maxEntities}`,
  },
  { heading: 'state', cell: ({ revoked }) => (revoked ? 'revoked' : 'in use') },
];

const caColumns = (now: number): readonly Column<GatewayCaAnswer>[] => [
  { heading: 'CA certificate, SHA-256', cell: ({ certificateDigest }) => certificateDigest ?? '-' },
  { heading: 'ends', cell: ({ notAfter }) => readableTime(notAfter, now) },
  { heading: 'state', cell: ({ revoked }) => (revoked ? 'revoked' : 'in use') },
];

export const gatewayTable = (gateway: GatewayAnswer, now: number): string =>
  [
    fieldTable([
      ['gateway', gateway.entity],
      ['enrolled', readableTime(gateway.enrolledAt, now)],
      ['certificate ends', readableTime(gateway.certificateNotAfter, now)],
      ['state', gateway.revoked ? 'revoked' : 'enrolled'],
      ['undelivered', String(gateway.undelivered)],
    ]),
    '1st seeds',
    listTable(gateway.firstSeeds, seedColumns(now)),
    'Gateway CAs',
    listTable(gateway.gatewayCas, caColumns(now)),
  ].join('\n');

export function showGatewayCommand(io: Io): Command {
  const command = new Command('show')
    .description('show one PN GW with its 1st seeds and CA certificates')
    .argument('<gateway>', 'E of the PN GW', values.entityUri);
  return withOutput(withConnection(command)).action(
    async (entity: string, flags: ConnectionFlags & { readonly output: OutputFormat }) => {
      const { gateway } = await withServer(flags, io.now(), ({ enrolment }) => enrolment.getGateway({ entity }));
      if (gateway === undefined) throw new CpnsError('INTERNAL', 'the Server answered without the gateway');
      const answer = describeGateway(gateway);
      writeAnswer(io, flags.output, answer, () => gatewayTable(answer, io.now()));
    },
  );
}
