/** What the CPNS Server keeps of each entity: its admissions and its key, which one commit changes together. */
import { OwnsRecords, RecentRecordsModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { GatewaysModule } from '../gateways/gateways.module';
import { Credentials } from './credentials';
import { EntityIndex } from './entity-index';
import { LiveKeys } from './live-keys';
import { ADMISSION, ENTITY_HEAD, EntityRecords, KEY, RETIRED, TOKEN_ENTITY } from './records';

@OwnsRecords(ENTITY_HEAD, ADMISSION, KEY, RETIRED, TOKEN_ENTITY)
@Module({
  imports: [RecentRecordsModule, GatewaysModule],
  providers: [EntityRecords, LiveKeys, Credentials, EntityIndex],
  exports: [EntityRecords, LiveKeys, Credentials, EntityIndex],
})
export class EntitiesModule {}
