/** The Entity-User Keys of the network as the Server last said that they are: who may act here, and for how long it is known. */
import { OwnsRecords, RecentRecordsModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { PeersModule } from '../peers/peers.module';
import { LiveCredentials } from './live-credentials';
import { AGE, ASSIGNER_END, ROW, TABLE } from './records';
import { MonotonicClock, TableAge } from './table-age';

@OwnsRecords(TABLE, ROW, ASSIGNER_END, AGE)
@Module({
  imports: [PeersModule, RecentRecordsModule],
  providers: [LiveCredentials, TableAge, MonotonicClock],
  exports: [LiveCredentials, TableAge],
})
export class LiveCredentialsModule {}
