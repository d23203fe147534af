import type { ProofServiceService, VerifyProofRequest } from '@cpns/contracts';
import { gatewayOf, type CallContext, type Handlers } from '@cpns/grpc';
import type { ServerContext } from '../context';
import { VerifyProof } from '../proof/verify-proof/verify-proof';

/** ProofService on the wire. */
export class ProofController implements Handlers<typeof ProofServiceService> {
  readonly #verify: VerifyProof;

  constructor(server: ServerContext) {
    this.#verify = new VerifyProof(server);
  }

  verifyProof(request: VerifyProofRequest, call: CallContext) {
    return this.#verify.execute(request, gatewayOf(call));
  }
}
