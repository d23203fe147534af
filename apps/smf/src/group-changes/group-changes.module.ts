/** Service Groups and their members: how a group changes, with its Group Key at CSKMF, and what gateways are told of it. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { NoticeLogModule } from '../notice-log/notice-log.module';
import { PeerClientsModule } from '../peer-clients/peer-clients.module';
import { CskmfClient } from './cskmf-client';
import { ExecuteChange } from './execute-change';
import { FanOutNotices } from './fan-out-notices';
import { GroupOutbox, PATIENCE, Patience } from './group-outbox';
import { Groups } from './groups';
import { ProposeChange } from './propose-change';
import { GROUP, PENDING, REFUSAL } from './records';

@OwnsRecords(GROUP, PENDING, REFUSAL)
@Module({
  imports: [PeerClientsModule, NoticeLogModule],
  providers: [
    Groups,
    CskmfClient,
    ExecuteChange,
    FanOutNotices,
    GroupOutbox,
    { provide: Patience, useValue: PATIENCE },
    ProposeChange,
  ],
  exports: [Groups, ProposeChange],
})
export class GroupChangesModule {}
