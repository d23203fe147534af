/** Service Groups and their members: how a group changes, with its Group Key at CSKMF, and what gateways are told of it. */
import { OwnsRecords, PersonalNetworks, PN_GATEWAYS } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { PeerClientsModule } from '../peer-clients/peer-clients.module';
import { CskmfClient, ExecuteChange, GroupOutbox, PATIENCE, Patience } from './execute-change';
import { AdoptSets } from './adopt-sets';
import { GROUP, PENDING, REFUSAL } from './groups';
import { FanOutNotices, INTRODUCED, IntroduceGateway, NoticeController, NoticeLogs, SendNotice, TOLD } from './notices';
import { LAST_REQUEST, ProposeChange } from './propose-change';
import { Groups } from './read-groups';
import { STANDINGS } from './standings-tree';

@OwnsRecords(GROUP, PENDING, REFUSAL, LAST_REQUEST, STANDINGS, TOLD, INTRODUCED, PN_GATEWAYS)
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
    IntroduceGateway,
    SendNotice,
    GroupOutbox,
    { provide: Patience, useValue: PATIENCE },
    ProposeChange,
  ],
  exports: [Groups, ProposeChange],
})
export class GroupChangesModule {}
