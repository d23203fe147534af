/** Verifies proofs of a secret for those who do not hold it. */
import { Module } from '@nestjs/common';
import { EntitiesModule } from '../entities/entities.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { ProofController } from './proof.controller';
import { VerifyProof } from './verify-proof';

@Module({
  imports: [EntitiesModule, GatewaysModule],
  controllers: [ProofController],
  providers: [VerifyProof],
  exports: [VerifyProof],
})
export class ProofModule {}
