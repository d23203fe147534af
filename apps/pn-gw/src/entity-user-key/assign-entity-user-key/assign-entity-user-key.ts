/**
 * What a PN GW does with a request for an Entity-User Key. One whose token names this gateway as assigner it answers
 * itself (EUK-GW-S/P steps 4 to 6), also while the Server is away; any other it forwards (EUK-SRV-S/P steps 1, 2, 4, 5).
 */
import { type AssignmentReply, type AssignmentRequest, checkAssignment } from '@cpns/contracts';
import type { CallContext } from '@cpns/grpc';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { checkAddressee } from '../../common/check-addressee';
import { OwnGateway } from '../../common/own-gateway';
import { entityAggregate, GRANT, grantName } from '../records';
import { AssignHere } from './assign-here';
import { ForwardAssignment } from './forward-assignment';

@Injectable()
export class AssignEntityUserKey {
  constructor(
    private readonly own: OwnGateway,
    private readonly records: Records,
    private readonly assignHere: AssignHere,
    private readonly forward: ForwardAssignment,
  ) {}

  /** @throws CpnsError a field's reason; PN_MISMATCH, GATEWAY_MISMATCH; those of whoever assigns */
  async execute(message: AssignmentRequest | undefined, call: CallContext): Promise<AssignmentReply> {
    const request = checkAssignment(message, call.method);
    checkAddressee(this.own.name, request.entity, request.gateway);
    const wanted = { grant: at(GRANT, grantName(request.enrol.tokenId)) };
    const { grant } = await this.records.read(entityAggregate(request.entity.uri), wanted);
    return grant === undefined ? this.forward.execute(message, request, call) : this.assignHere.execute(request);
  }
}
