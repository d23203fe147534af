import { ProofServiceService, type VerifyProofRequest } from '@cpns/contracts';
import { MAX_MESSAGE_BYTES, type CallContext, type Handlers } from '@cpns/grpc';
import { FlowStep, GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { VerifyProof } from './verify-proof';

/** ProofService on the wire. */
@GrpcController(ProofServiceService, { maxRequestBytes: MAX_MESSAGE_BYTES })
export class ProofController implements Handlers<typeof ProofServiceService> {
  constructor(private readonly verify: VerifyProof) {}

  /** SMF-GW step 3, where SMF asks. */
  @FlowStep(['SMF-GW'], 3, ['entity_proof', 'method', 'relay'])
  verifyProof(@Payload() request: VerifyProofRequest, @Ctx() call: CallContext) {
    return this.verify.execute(request, call);
  }
}
