/** The notices that are on their way to each PN GW, and which gateways and groups a PN has. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { NoticeLogs } from './notice-logs';
import { TOLD } from './records';

@OwnsRecords(TOLD)
@Module({ providers: [NoticeLogs], exports: [NoticeLogs] })
export class NoticeLogModule {}
