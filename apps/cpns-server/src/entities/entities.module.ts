/** What the CPNS Server keeps of each entity: its admissions and its key, which one commit changes together. */
import { OwnsRecords, RecentRecordsModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { GatewaysModule } from '../gateways/gateways.module';
import { Credentials } from './credentials';
import { EntityIndex } from './entity-index';
import { LAST_SEEN, LastSeen } from './last-seen';
import { LiveKeys } from './live-keys';
import { ADMISSION, ENTITY_HEAD, EntityRecords, KEY, RETIRED, TOKEN_ENTITY } from './records';
import { UserIndex } from './user-index';

@OwnsRecords(ENTITY_HEAD, ADMISSION, KEY, RETIRED, TOKEN_ENTITY, LAST_SEEN)
@Module({
  imports: [RecentRecordsModule, GatewaysModule],
  providers: [EntityRecords, LiveKeys, Credentials, EntityIndex, UserIndex, LastSeen],
  exports: [EntityRecords, LiveKeys, Credentials, EntityIndex, UserIndex, LastSeen],
})
export class EntitiesModule {}
