/** CSKMF: the Group Keys of Service Groups, for their recipients alone. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { EntitiesModule } from '../entities/entities.module';
import { GatewayDeliveryModule } from '../gateway-delivery/gateway-delivery.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { OsgModule } from '../osg/osg.module';
import { RecentRecordsModule } from '../recent-records/recent-records.module';
import { Envelopes } from './envelopes';
import { FinishChange } from './group-change/finish-change';
import { GroupChanges } from './group-change/group-change';
import { GroupKeyManagementController } from './group-key-management.controller';
import { ManageGroupKeys } from './manage-group-keys';
import { MemberKeys } from './member-keys';
import { PullGroupKey } from './pull-group-key/pull-group-key';
import { PullGroupKeyController } from './pull-group-key/pull-group-key.controller';
import { PushGroupKey } from './push-group-key/push-group-key';
import { PushRelay } from './push-group-key/push-relay';
import { GROUP, PENDING, RECIPIENT, RETIRED_VERSIONS, RETIREMENT } from './records';
import { RetireVersions } from './retire-versions/retire-versions';
import { RetirementLoop } from './retire-versions/retirement-loop';
import { SignedStatements } from './signed-statements';

@OwnsRecords(GROUP, RETIRED_VERSIONS, PENDING, RECIPIENT, RETIREMENT)
@Module({
  imports: [EntitiesModule, GatewaysModule, GatewayDeliveryModule, OsgModule, RecentRecordsModule],
  controllers: [GroupKeyManagementController, PullGroupKeyController],
  providers: [
    ManageGroupKeys,
    GroupChanges,
    FinishChange,
    PullGroupKey,
    PushGroupKey,
    PushRelay,
    RetireVersions,
    RetirementLoop,
    Envelopes,
    MemberKeys,
    SignedStatements,
  ],
})
export class CskmfModule {}
