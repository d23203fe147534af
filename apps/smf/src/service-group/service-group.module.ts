/** The operator's Service Groups (SMF-SRV). */
import { Module } from '@nestjs/common';
import { GroupChangesModule } from '../group-changes/group-changes.module';
import { AddMembers } from './add-members';
import { CreateServiceGroup } from './create-service-group';
import { DeleteServiceGroup } from './delete-service-group';
import { GetServiceGroup } from './get-service-group';
import { ListServiceGroups } from './list-service-groups';
import { RemoveMembers } from './remove-members';
import { ServiceGroupController } from './service-group.controller';

@Module({
  imports: [GroupChangesModule],
  controllers: [ServiceGroupController],
  providers: [CreateServiceGroup, GetServiceGroup, ListServiceGroups, DeleteServiceGroup, AddMembers, RemoveMembers],
})
export class ServiceGroupModule {}
