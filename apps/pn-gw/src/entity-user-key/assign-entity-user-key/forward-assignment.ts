import {
  type AssignmentReply,
  type AssignmentRequest,
  assignmentReply,
  checkAssignmentReply,
  type CheckedAssignment,
} from '@cpns/contracts';
import { Clock } from '@cpns/core';
import type { CallContext } from '@cpns/grpc';
import { emitStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../../common/own-gateway';
import { ServerClients } from '../../peers/server-clients';

/**
 * EUK-SRV-S/P: forwards the request as it came, and the reply as it came. The gateway can neither read nor swap the key:
 * both are bound to the secret of a token that it does not have.
 */
@Injectable()
export class ForwardAssignment {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly clock: Clock,
  ) {}

  async execute(
    message: AssignmentRequest | undefined,
    request: CheckedAssignment,
    call: CallContext,
  ): Promise<AssignmentReply> {
    const startedAt = this.clock.now();
    const { own, server } = this;
    const response = await server.entityUserKey.assignEntityUserKey(
      { request: message, method: call.method },
      { within: call },
    );
    const reply = checkAssignmentReply(response.reply, request.enrol.form);
    const flow = request.enrol.form === 'secret' ? 'EUK-SRV-S' : 'EUK-SRV-P';
    const key = flow === 'EUK-SRV-S' ? 'hpke_public_key' : 'csr';
    // who sent it is known only now: the Server found the MAC good
    emitStep({
      flow,
      step: 1,
      from: request.entity.uri,
      to: own.uri,
      carried: ['token_id', 'entity', 'user', 'gateway', 'form', key, 'nonce', 'mac'],
      startedAt,
    });
    emitStep({
      flow,
      step: 4,
      from: server.uri,
      to: own.uri,
      carried: reply.form === 'secret' ? ['enc', 'ciphertext', 'not_after'] : ['chain', 'mac'],
    });
    return assignmentReply(reply);
  }
}
