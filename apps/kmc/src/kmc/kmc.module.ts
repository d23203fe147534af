/** SECCF-KMC: makes Group Key versions, keeps them sealed, and destroys them. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { GroupKeys, CLAIM, HEAD, VERSION } from './group-keys';
import { KmcController } from './kmc.controller';

@OwnsRecords(HEAD, VERSION, CLAIM)
@Module({
  controllers: [KmcController],
  providers: [GroupKeys],
})
export class KmcModule {}
