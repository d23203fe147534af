/** `gateway`: what an operator sees of PN GWs. */
import { CpnsError } from '@cpns/core';
import { Command } from 'commander';
import { type ConnectionFlags, type ServerConnection, withConnection, withServer } from '../connection';
import { describeGateway, type FirstSeedAnswer, type GatewayAnswer, type GatewayCaAnswer } from '../describe';
import type { Io } from '../io';
import * as values from '../option-values';
import { type Column, fieldTable, listTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { allPages, PAGE_SIZE } from '../paging';
import { readableTime } from '../values';

async function listGateways({ enrolment }: ServerConnection): Promise<GatewayAnswer[]> {
  const gateways = await allPages(async (pageToken) => {
    const { gateways: items, nextPageToken } = await enrolment.listGateways({ pageSize: PAGE_SIZE, pageToken });
    return { items, nextPageToken };
  });
  return gateways.map(describeGateway).sort((a, b) => (a.entity < b.entity ? -1 : 1));
}

const stateOf = ({ revoked, retireAt }: GatewayAnswer, now: number): string => {
  if (revoked) return 'revoked';
  return retireAt === null ? 'enrolled' : `to be revoked ${readableTime(retireAt, now)}`;
};

const columns = (now: number): readonly Column<GatewayAnswer>[] => [
  { heading: 'gateway', cell: ({ entity }) => entity },
  { heading: 'enrolled', cell: ({ enrolledAt }) => readableTime(enrolledAt, now) },
  { heading: 'certificate ends', cell: ({ certificateNotAfter }) => readableTime(certificateNotAfter, now) },
  { heading: 'state', cell: (gateway) => stateOf(gateway, now) },
  { heading: '1st seeds', cell: ({ firstSeeds }) => String(firstSeeds.filter(({ revoked }) => !revoked).length) },
  { heading: 'CAs', cell: ({ gatewayCas }) => String(gatewayCas.filter(({ revoked }) => !revoked).length) },
  { heading: 'undelivered', cell: ({ undelivered }) => String(undelivered) },
];

/** `gateway list`: one line per enrolled PN GW. */
export function listGatewaysCommand(io: Io): Command {
  const command = new Command('list').description('list the PN GWs that have enrolled');
  return withOutput(withConnection(command)).action(
    async (flags: ConnectionFlags & { readonly output: OutputFormat }) => {
      const gateways = await withServer(flags, io.now(), listGateways);
      writeAnswer(io, flags.output, gateways, () => listTable(gateways, columns(io.now())));
    },
  );
}

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

const gatewayTable = (gateway: GatewayAnswer, now: number): string =>
  [
    fieldTable([
      ['gateway', gateway.entity],
      ['enrolled', readableTime(gateway.enrolledAt, now)],
      ['certificate ends', readableTime(gateway.certificateNotAfter, now)],
      ['state', stateOf(gateway, now)],
      ['undelivered', String(gateway.undelivered)],
    ]),
    '1st seeds',
    listTable(gateway.firstSeeds, seedColumns(now)),
    'Gateway CAs',
    listTable(gateway.gatewayCas, caColumns(now)),
  ].join('\n');

/** `gateway show`: one PN GW with the 1st seeds and CA certificates that it was given. */
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
