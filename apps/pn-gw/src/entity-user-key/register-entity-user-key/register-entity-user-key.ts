/** EUK-GW-VERIFY steps 1, 2, 4 and 5: the gateway relays a registration to the Server and the confirmation back. */
import {
  type RegistrationReply,
  type RegistrationRequest,
  checkRegistration,
  checkRegistrationReply,
  registrationReply,
} from '@cpns/contracts';
import { Clock } from '@cpns/core';
import type { CallContext } from '@cpns/grpc';
import { emitStep, type CarriedField } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { checkAddressee } from '../../common/check-addressee';
import { OwnGateway } from '../../common/own-gateway';
import { ServerClients } from '../../peers/server-clients';

const SECRET: readonly CarriedField[] = [
  'first_seed_id',
  'gateway',
  'not_after',
  'second_seed',
  'nonce',
  'confirmation',
];
const CERTIFICATE: readonly CarriedField[] = ['chain', 'hpke_public_key', 'signature'];

@Injectable()
export class RegisterEntityUserKey {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; PN_MISMATCH; what the Server answers; DEPENDENCY_UNAVAILABLE while it is away */
  async execute(message: RegistrationRequest | undefined, call: CallContext): Promise<RegistrationReply> {
    const startedAt = this.clock.now();
    const { own, server } = this;
    const request = checkRegistration(message);
    checkAddressee(own.name, request.entity);
    const response = await server.entityUserKey.registerEntityUserKey({ request: message }, { within: call });
    const reply = checkRegistrationReply(response.reply);
    const flow = 'EUK-GW-VERIFY';
    const carried: CarriedField[] = [
      'token_id',
      'entity',
      'user',
      ...(request.form === 'secret' ? SECRET : CERTIFICATE),
    ];
    // who sent it is known only now: the Server found its confirmation or signature good
    emitStep({ flow, step: 1, from: request.entity.uri, to: own.uri, carried, startedAt });
    const confirmed: CarriedField[] =
      reply.form === 'secret' ? ['key_id', 'confirmation'] : ['key_id', 'enc', 'signature', 'chain'];
    emitStep({ flow, step: 4, from: server.uri, to: own.uri, carried: confirmed });
    return registrationReply(reply);
  }
}
