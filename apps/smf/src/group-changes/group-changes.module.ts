/** Service Groups and their members: how a group changes, with its Group Key at CSKMF, and what gateways are told of it. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { NoticeLogModule } from '../notice-log/notice-log.module';
import { PeerClientsModule } from '../peer-clients/peer-clients.module';
import { CarryChange } from './carry-change';
import { CskmfClient } from './cskmf-client';
import { GroupOutbox } from './group-outbox';
import { Groups } from './groups';
import { PATIENCE, Patience, ProposeChange } from './propose-change';
import { GROUP, PENDING, REFUSAL } from './records';
import { Settlements } from './settlements';
import { SpreadNotices } from './spread-notices';

@OwnsRecords(GROUP, PENDING, REFUSAL)
@Module({
  imports: [PeerClientsModule, NoticeLogModule],
  providers: [
    Groups,
    CskmfClient,
    Settlements,
    CarryChange,
    SpreadNotices,
    GroupOutbox,
    { provide: Patience, useValue: PATIENCE },
    ProposeChange,
  ],
  exports: [Groups, ProposeChange],
})
export class GroupChangesModule {}
