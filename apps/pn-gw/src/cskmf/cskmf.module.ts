/** SECCF-SECA in the PN GW: gets Group Keys from the Server's CSKMF, keeps members' envelopes and passes them on. */
import { systemTimers, Timers } from '@cpns/delivery';
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { PeersModule } from '../peers/peers.module';
import { ServiceGroupModule } from '../service-group/service-group.module';
import { AcceptPush } from './accept-push/accept-push';
import { HeldPushes } from './accept-push/held-pushes';
import { CskmfController } from './cskmf.controller';
import { Envelopes } from './envelopes';
import { PullGroupKey } from './pull-group-key/pull-group-key';
import { AVAILABLE, ENVELOPES, HELD_INDEX, HELD_PUSH } from './records';
import { RequestGroupKey, RequestingOptions } from './request-group-key/request-group-key';
import { GroupKeyHub } from './watch-group-keys/group-key-hub';
import { WatchGroupKeys } from './watch-group-keys/watch-group-keys';

@OwnsRecords(ENVELOPES, HELD_INDEX, HELD_PUSH, AVAILABLE)
@Module({
  imports: [PeersModule, ServiceGroupModule],
  controllers: [CskmfController],
  providers: [
    Envelopes,
    GroupKeyHub,
    HeldPushes,
    AcceptPush,
    RequestGroupKey,
    PullGroupKey,
    WatchGroupKeys,
    { provide: RequestingOptions, useValue: {} },
    { provide: Timers, useValue: systemTimers },
  ],
  exports: [AcceptPush, Envelopes, GroupKeyHub, RequestGroupKey],
})
export class CskmfModule {}
