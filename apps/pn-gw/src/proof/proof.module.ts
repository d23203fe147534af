/** Proofs of an Entity-User Key, on each call of the token port. */
import { Module } from '@nestjs/common';
import { EntityUserKeyModule } from '../entity-user-key/entity-user-key.module';
import { PeersModule } from '../peers/peers.module';
import { VerifyProof } from './verify-proof';

@Module({ imports: [PeersModule, EntityUserKeyModule], providers: [VerifyProof], exports: [VerifyProof] })
export class ProofModule {}
