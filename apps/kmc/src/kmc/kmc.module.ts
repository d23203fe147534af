/** SECCF-KMC: makes Group Key versions, keeps them sealed, and destroys them. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { DestroyKey } from './destroy-key';
import { GroupKeys } from './group-keys';
import { KmcController } from './kmc.controller';
import { CLAIM, HEAD, VERSION } from './records';

@OwnsRecords(HEAD, VERSION, CLAIM)
@Module({
  controllers: [KmcController],
  providers: [GroupKeys, DestroyKey],
})
export class KmcModule {}
