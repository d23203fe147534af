/** SECCF-OSG: Group Keys from the KMC. */
import { Module } from '@nestjs/common';
import { GroupKeyCache } from './group-key-cache';
import { Kmc } from './kmc';
import { Osg } from './osg';

@Module({ providers: [Kmc, GroupKeyCache, Osg], exports: [Osg] })
export class OsgModule {}
