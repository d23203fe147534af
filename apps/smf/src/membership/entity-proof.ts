/** Who asks to join or to leave is the entity itself (protocol.md, "An entity's own proof"): its gateway only relays. */
import {
  checkEntityRequest,
  checkProofOf,
  PnGatewayServiceJoinServiceGroupRequest,
  PnGatewayServiceLeaveServiceGroupRequest,
  PnGatewayServiceService,
  type MembershipServiceJoinServiceGroupRequest,
  type MembershipServiceLeaveServiceGroupRequest,
} from '@cpns/contracts';
import { unauthenticated } from '@cpns/core';
import type { CallContext } from '@cpns/grpc';
import { OwnIdentity } from '@cpns/platform';
import { emitStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { ServerLink } from '../peer-clients/server-link';

const { joinServiceGroup, leaveServiceGroup } = PnGatewayServiceService;

/** What the entity called at its gateway. */
const CALLED = {
  join: { path: joinServiceGroup.path, codec: PnGatewayServiceJoinServiceGroupRequest },
  leave: { path: leaveServiceGroup.path, codec: PnGatewayServiceLeaveServiceGroupRequest },
} as const;

@Injectable()
export class VerifyEntityProof {
  constructor(
    private readonly own: OwnIdentity,
    private readonly server: ServerLink,
  ) {}

  /**
   * Has the Server verify that the entity made this request, and that the gateway which relays it may.
   * @returns the entity's time in the proof, Unix milliseconds
   * @throws CpnsError PROOF_MISSING with `proof` = `entity`; a field's reason; PROOF_MAC also where the gateway says
   *   something else than the entity; what VerifyProof answers; DEPENDENCY_UNAVAILABLE
   */
  async execute(
    event: keyof typeof CALLED,
    request: MembershipServiceJoinServiceGroupRequest | MembershipServiceLeaveServiceGroupRequest,
    call: CallContext,
  ): Promise<number> {
    const { path: method, codec } = CALLED[event];
    const { proof, requestDigest, message } = checkEntityRequest(request, codec);
    if (message.groupId !== request.groupId)
      throw unauthenticated('PROOF_MAC', 'the entity asked for another Service Group than the gateway says');
    const { uri: relay, fingerprint: relayCertificateDigest } = call.requirePeer();
    await this.server.ready();
    const verified = await this.server.proof.verifyProof(
      { proof: request.entityProof, method, requestDigest, relay, relayCertificateDigest },
      { within: call },
    );
    checkProofOf(verified.entity, proof);
    const [from, to] = [this.server.uri, this.own.uri];
    emitStep({ flow: 'SMF-GW', step: 4, from, to, carried: ['entity', 'user', 'key_id'] });
    return proof.timeMs;
  }
}
