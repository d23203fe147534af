/** SECCF-KMC: makes Group Key versions, keeps them sealed, and destroys them. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { KmcController } from './kmc.controller';
import { CLAIM, HEAD, VERSION } from './records';

@OwnsRecords(HEAD, VERSION, CLAIM)
@Module({ controllers: [KmcController] })
export class KmcModule {}
