/** What the gateway knows of the Service Groups that have members behind it: SMF brings the notices, CSKMF the statements. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { GroupMutex } from './group-mutex';
import { KnownGroups } from './known-group';
import { Members } from './members';
import { Notices } from './notices';
import { MISSED_PUSH, NOTICE, STATEMENTS } from './records';
import { Statements } from './statements';

const SHARED = [GroupMutex, KnownGroups, Members, Notices, Statements];

@OwnsRecords(NOTICE, STATEMENTS, MISSED_PUSH)
@Module({ providers: SHARED, exports: SHARED })
export class ServiceGroupModule {}
