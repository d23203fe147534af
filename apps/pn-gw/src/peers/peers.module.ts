/** The gateway's ways to the Server side; closed after everything that calls over them. */
import { Module } from '@nestjs/common';
import { ServerClients } from './server-clients';
import { SmfClients } from './smf-clients';

const PEERS = [ServerClients, SmfClients];

@Module({ providers: PEERS, exports: PEERS })
export class PeersModule {}
