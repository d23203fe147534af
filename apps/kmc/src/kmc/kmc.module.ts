/** SECCF-KMC: makes Group Key versions, keeps them sealed, and destroys them. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { CreateKey } from './create-key';
import { CreateKeyVersion } from './create-key-version';
import { DestroyKey } from './destroy-key';
import { DestroyKeyVersion } from './destroy-key-version';
import { GetKeyVersion } from './get-key-version';
import { KmcController } from './kmc.controller';
import { MakeVersion } from './make-version';
import { CLAIM, HEAD, VERSION } from './records';

@OwnsRecords(HEAD, VERSION, CLAIM)
@Module({
  controllers: [KmcController],
  providers: [MakeVersion, CreateKey, CreateKeyVersion, GetKeyVersion, DestroyKeyVersion, DestroyKey],
})
export class KmcModule {}
