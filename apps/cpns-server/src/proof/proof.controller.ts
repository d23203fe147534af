import { ProofServiceService, type VerifyProofRequest } from '@cpns/contracts';
import { MAX_MESSAGE_BYTES, type CallContext, type Handlers } from '@cpns/grpc';
import { GrpcController } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { VerifyProof } from './verify-proof';

/** ProofService on the wire. */
@GrpcController(ProofServiceService, { maxRequestBytes: MAX_MESSAGE_BYTES })
export class ProofController implements Handlers<typeof ProofServiceService> {
  constructor(private readonly verify: VerifyProof) {}

  verifyProof(@Payload() request: VerifyProofRequest, @Ctx() call: CallContext) {
    return this.verify.execute(request, call);
  }
}
