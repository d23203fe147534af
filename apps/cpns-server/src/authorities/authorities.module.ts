/** The issuing CA and the entity CA. */
import { Module } from '@nestjs/common';
import { Authorities } from './authorities';

@Module({ providers: [Authorities], exports: [Authorities] })
export class AuthoritiesModule {}
