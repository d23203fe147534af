/** The gateway's ways to the Server side; closed after everything that calls over them. */
import { Module } from '@nestjs/common';
import { ServerClients, SmfClients } from './peer-clients';
import { SoleProcess } from './sole-process';

const PEERS = [ServerClients, SmfClients, SoleProcess];

@Module({ providers: PEERS, exports: PEERS })
export class PeersModule {}
