/** SECCF-SECA in the PN GW: gets Group Keys from the Server's CSKMF, keeps members' envelopes and passes them on. */
import { systemTimers, Timers } from '@cpns/delivery';
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { LiveCredentialsModule } from '../live-credentials/live-credentials.module';
import { PeersModule } from '../peers/peers.module';
import { ServiceGroupModule } from '../service-group/service-group.module';
import { AcceptPush } from './accept-push';
import { AVAILABLE, Envelopes, ENVELOPES, GroupKeyHub, HELD_INDEX, HELD_PUSH, HeldPushes } from './envelopes';
import { CskmfController, PullGroupKey, WatchGroupKeys } from './cskmf.controller';
import { RequestGroupKey, RequestingOptions } from './request-group-key';

@OwnsRecords(ENVELOPES, HELD_INDEX, HELD_PUSH, AVAILABLE)
@Module({
  imports: [LiveCredentialsModule, PeersModule, ServiceGroupModule],
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
