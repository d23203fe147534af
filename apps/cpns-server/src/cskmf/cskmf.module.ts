/** CSKMF: the Group Keys of Service Groups, for their recipients alone. */
import { OwnsRecords, RecentRecordsModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { EntitiesModule } from '../entities/entities.module';
import { GatewayLogModule } from '../gateway-log/gateway-log.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { OsgModule } from '../osg/osg.module';
import { DueGroups } from './due-groups';
import { Envelopes, MemberKeys } from './recipients';
import { GroupChanges } from './group-change';
import { GroupIndex } from './group-index';
import { GroupKeyDeliveries } from './group-key-deliveries';
import { GroupKeyEventLog, GroupKeyEvents } from './group-key-events';
import { GroupKeyLoop } from './group-key-loop';
import { GroupKeyManagementController } from './group-key-management.controller';
import { GetGroupKeyStatus } from './group-key-status';
import { PullGroupKey, PullGroupKeyController } from './pull-group-key';
import { PushGroupKey, PushRelay } from './push-group-key';
import { RecipientCounts } from './recipient-counts';
import { GROUP, PENDING, RECIPIENT, RETIRED_VERSIONS, RETIREMENT, SignedStatements } from './records';
import { RetireVersions } from './retire-versions';
import { RotateGroupKey } from './rotate-group-key';
import { UpdateGroupDescription } from './update-group-description';

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
    RotateGroupKey,
    UpdateGroupDescription,
    GroupKeyLoop,
    DueGroups,
    GetGroupKeyStatus,
    RecipientCounts,
    GroupKeyEventLog,
    GroupKeyEvents,
    Envelopes,
    MemberKeys,
    SignedStatements,
    GroupIndex,
    GroupKeyDeliveries,
  ],
  exports: [GroupIndex, GroupKeyDeliveries],
})
export class CskmfModule {}
