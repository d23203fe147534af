/** The gateway's end of the logs that are delivered to it. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { Channels } from './channels';
import { DELIVERED } from './records';

@OwnsRecords(DELIVERED)
@Module({ providers: [Channels], exports: [Channels] })
export class ChannelModule {}
