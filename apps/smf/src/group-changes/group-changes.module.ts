/** Service Groups and their members: how a group changes, with its Group Key at CSKMF, and what gateways are told of it. */
import { CLAIM, LOG_HEAD } from '@cpns/delivery';
import { OwnsRecords, PersonalNetworks, PN_GATEWAYS } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { PeerClientsModule } from '../peer-clients/peer-clients.module';
import { AdoptSets } from './adopt-sets';
import { CskmfClient } from './cskmf-client';
import { EndMemberships } from './end-memberships';
import { ExecuteChange, GroupOutbox, PATIENCE, Patience } from './execute-change';
import { GROUP, PENDING, REFUSAL } from './groups';
import { FollowGroupKeyEvents, LAST_ALERT } from './key-events';
import { MemberRights, RIGHT } from './member-rights';
import { MembershipIndex } from './membership-index';
import { FanOutNotices, NoticeController, NoticeLogs, SendNotice, TOLD } from './notices';
import { LAST_REQUEST, ProposeChange } from './propose-change';
import { Groups } from './read-groups';
import { STANDINGS } from './standings-tree';

@OwnsRecords(GROUP, PENDING, REFUSAL, LAST_REQUEST, STANDINGS, RIGHT, LAST_ALERT, TOLD, CLAIM, LOG_HEAD, PN_GATEWAYS)
@Module({
  imports: [PeerClientsModule],
  controllers: [NoticeController],
  providers: [
    AdoptSets,
    PersonalNetworks,
    Groups,
    MembershipIndex,
    MemberRights,
    CskmfClient,
    ExecuteChange,
    NoticeLogs,
    FanOutNotices,
    SendNotice,
    GroupOutbox,
    { provide: Patience, useValue: PATIENCE },
    ProposeChange,
    EndMemberships,
    FollowGroupKeyEvents,
  ],
  exports: [Groups, ProposeChange, EndMemberships, MembershipIndex],
})
export class GroupChangesModule {}
