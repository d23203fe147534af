/** What the gateway knows of the Service Groups that have members behind it: SMF brings the notices, CSKMF the statements. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { KnownGroups, MISSED_PUSH, NOTICE, STATEMENTS } from './known-groups';
import { Notices } from './notices';
import { Statements } from './statements';

const SHARED = [KnownGroups, Notices, Statements];

@OwnsRecords(NOTICE, STATEMENTS, MISSED_PUSH)
@Module({ providers: SHARED, exports: SHARED })
export class ServiceGroupModule {}
