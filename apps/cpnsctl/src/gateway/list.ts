/** `gateway list`: one line per enrolled PN GW. */
import { Command } from 'commander';
import { withConnection, withServer, type ConnectionFlags, type ServerConnection } from '../connection';
import { describeGateway, type GatewayAnswer } from '../describe';
import type { Io } from '../io';
import { listTable, withOutput, writeAnswer, type Column, type OutputFormat } from '../output';
import { allPages, PAGE_SIZE } from '../paging';
import { readableTime } from '../values';

async function listGateways({ enrolment }: ServerConnection): Promise<GatewayAnswer[]> {
  const gateways = await allPages(async (pageToken) => {
    const { gateways: items, nextPageToken } = await enrolment.listGateways({ pageSize: PAGE_SIZE, pageToken });
    return { items, nextPageToken };
  });
  return gateways.map(describeGateway).sort((a, b) => (a.entity < b.entity ? -1 : 1));
}

const columns = (now: number): readonly Column<GatewayAnswer>[] => [
  { heading: 'gateway', cell: ({ entity }) => entity },
  { heading: 'enrolled', cell: ({ enrolledAt }) => readableTime(enrolledAt, now) },
  { heading: 'certificate ends', cell: ({ certificateNotAfter }) => readableTime(certificateNotAfter, now) },
  { heading: 'state', cell: ({ revoked }) => (revoked ? 'revoked' : 'enrolled') },
  { heading: '1st seeds', cell: ({ firstSeeds }) => String(firstSeeds.filter(({ revoked }) => !revoked).length) },
  { heading: 'CAs', cell: ({ gatewayCas }) => String(gatewayCas.filter(({ revoked }) => !revoked).length) },
  { heading: 'undelivered', cell: ({ undelivered }) => String(undelivered) },
];

export function listGatewaysCommand(io: Io): Command {
  const command = new Command('list').description('list the PN GWs that have enrolled');
  return withOutput(withConnection(command)).action(
    async (flags: ConnectionFlags & { readonly output: OutputFormat }) => {
      const gateways = await withServer(flags, io.now(), listGateways);
      writeAnswer(io, flags.output, gateways, () => listTable(gateways, columns(io.now())));
    },
  );
}
