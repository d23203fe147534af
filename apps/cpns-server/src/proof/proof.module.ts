/** Verifies proofs of a secret that only the Server and the entity hold. */
import { Module } from '@nestjs/common';
import { EntitiesModule } from '../entities/entities.module';
import { ProofController } from './proof.controller';
import { VerifyProof } from './verify-proof';

@Module({ imports: [EntitiesModule], controllers: [ProofController], providers: [VerifyProof] })
export class ProofModule {}
