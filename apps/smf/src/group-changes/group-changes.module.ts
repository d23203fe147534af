/** Service Groups and their members: how a group changes, with its Group Key at CSKMF, and what gateways are told of it. */
import { CLAIM, LOG_HEAD } from '@cpns/delivery';
import { OwnsRecords, PersonalNetworks, PN_GATEWAYS } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { PeerClientsModule } from '../peer-clients/peer-clients.module';
import { CskmfClient, ExecuteChange, GroupOutbox, PATIENCE, Patience } from './execute-change';
import { AdoptSets } from './adopt-sets';
import { GROUP, PENDING, REFUSAL } from './groups';
import { FanOutNotices, NoticeController, NoticeLogs, SendNotice, TOLD } from './notices';
import { LAST_REQUEST, ProposeChange } from './propose-change';
import { Groups } from './read-groups';
import { STANDINGS } from './standings-tree';

@OwnsRecords(GROUP, PENDING, REFUSAL, LAST_REQUEST, STANDINGS, TOLD, CLAIM, LOG_HEAD, PN_GATEWAYS)
@Module({
  imports: [PeerClientsModule],
  controllers: [NoticeController],
  providers: [
    AdoptSets,
    PersonalNetworks,
    Groups,
    CskmfClient,
    ExecuteChange,
    NoticeLogs,
    FanOutNotices,
    SendNotice,
    GroupOutbox,
    { provide: Patience, useValue: PATIENCE },
    ProposeChange,
  ],
  exports: [Groups, ProposeChange],
})
export class GroupChangesModule {}
