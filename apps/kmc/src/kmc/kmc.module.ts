/** SECCF-KMC: makes Group Key versions, keeps them sealed, and destroys them. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { CLAIM, HEAD, KmcController, VERSION } from './kmc.controller';

@OwnsRecords(HEAD, VERSION, CLAIM)
@Module({ controllers: [KmcController] })
export class KmcModule {}
