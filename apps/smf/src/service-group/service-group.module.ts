/** The operator's Service Groups (SMF-SRV). */
import { Module } from '@nestjs/common';
import { GroupChangesModule } from '../group-changes/group-changes.module';
import { ServiceGroupController } from './service-group.controller';
import { ServiceGroups } from './service-groups';

@Module({
  imports: [GroupChangesModule],
  controllers: [ServiceGroupController],
  providers: [ServiceGroups],
})
export class ServiceGroupModule {}
