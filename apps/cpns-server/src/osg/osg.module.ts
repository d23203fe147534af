/** SECCF-OSG: Group Keys from the KMC. */
import { Module } from '@nestjs/common';
import { GroupKeyCache, Kmc, Osg } from './osg';

@Module({ providers: [Kmc, GroupKeyCache, Osg], exports: [Osg] })
export class OsgModule {}
