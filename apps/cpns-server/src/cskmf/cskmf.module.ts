/** CSKMF: the Group Keys of Service Groups, for their recipients alone. */
import { OwnsRecords, RecentRecordsModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { EntitiesModule } from '../entities/entities.module';
import { GatewayLogModule } from '../gateway-log/gateway-log.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { OsgModule } from '../osg/osg.module';
import { Envelopes, MemberKeys } from './recipients';
import { GroupChanges } from './group-change';
import { GroupIndex } from './group-index';
import { GroupKeyDeliveries } from './group-key-deliveries';
import { GroupKeyManagementController } from './group-key-management.controller';
import { PullGroupKey, PullGroupKeyController } from './pull-group-key';
import { PushGroupKey, PushRelay } from './push-group-key';
import { GROUP, PENDING, RECIPIENT, RETIRED_VERSIONS, RETIREMENT, SignedStatements } from './records';
import { RetirementLoop, RetireVersions } from './retire-versions';

@OwnsRecords(GROUP, RETIRED_VERSIONS, PENDING, RECIPIENT, RETIREMENT)
@Module({
  imports: [EntitiesModule, GatewayLogModule, GatewaysModule, OsgModule, RecentRecordsModule],
  controllers: [GroupKeyManagementController, PullGroupKeyController],
  providers: [
    GroupChanges,
    PullGroupKey,
    PushGroupKey,
    PushRelay,
    RetireVersions,
    RetirementLoop,
    Envelopes,
    MemberKeys,
    SignedStatements,
    GroupIndex,
    GroupKeyDeliveries,
  ],
  exports: [GroupIndex, GroupKeyDeliveries],
})
export class CskmfModule {}
