/** The operator's Service Groups (SMF-SRV). */
import { Module } from '@nestjs/common';
import { GroupChangesModule } from '../group-changes/group-changes.module';
import { ListMemberships } from './list-memberships';
import { ServiceGroupController } from './service-group.controller';

@Module({ imports: [GroupChangesModule], controllers: [ServiceGroupController], providers: [ListMemberships] })
export class ServiceGroupModule {}
