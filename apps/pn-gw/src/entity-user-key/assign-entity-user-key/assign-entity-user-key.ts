/**
 * What a PN GW does with a request for an Entity-User Key. One whose token names this gateway as assigner it answers
 * itself (EUK-GW-S/P steps 4 to 6), also while the Server is away; any other it forwards (EUK-SRV-S/P steps 1, 2, 4, 5).
 */
import { type AssignmentReply, type AssignmentRequest, checkAssignment } from '@cpns/contracts';
import type { CallContext } from '@cpns/grpc';
import { at } from '@cpns/store';
import type { GatewayContext } from '../../context';
import { entityAggregate, GRANT, grantName } from '../../records/gateway-records';
import { checkAddressee } from '../check-addressee';
import type { AssignHere } from './assign-here';
import { ForwardAssignment } from './forward-assignment';

export class AssignEntityUserKey {
  readonly #forward: ForwardAssignment;

  constructor(
    private readonly gateway: GatewayContext,
    private readonly assignHere: AssignHere,
  ) {
    this.#forward = new ForwardAssignment(gateway);
  }

  /** @throws CpnsError a field's reason; PN_MISMATCH, GATEWAY_MISMATCH; those of whoever assigns */
  async execute(message: AssignmentRequest | undefined, call: CallContext): Promise<AssignmentReply> {
    const request = checkAssignment(message, call.method);
    checkAddressee(this.gateway.name, request.entity, request.gateway);
    const wanted = { grant: at(GRANT, grantName(request.enrol.tokenId)) };
    const { grant } = await this.gateway.records.read(entityAggregate(request.entity.uri), wanted);
    return grant === undefined ? this.#forward.execute(message, request, call) : this.assignHere.execute(request);
  }
}
