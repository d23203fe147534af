/** The SMF, as the CPNS Server calls it. */
import { Module } from '@nestjs/common';
import { Smf } from './smf';

@Module({ providers: [Smf], exports: [Smf] })
export class SmfModule {}
