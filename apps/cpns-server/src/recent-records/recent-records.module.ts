/** Reads what every call looks at, authenticated once: one memory for the whole process. */
import { Module } from '@nestjs/common';
import { RecentRecords } from './recent-records';

@Module({ providers: [RecentRecords], exports: [RecentRecords] })
export class RecentRecordsModule {}
