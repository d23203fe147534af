/** What a PN GW does not answer itself about Entity-User Keys. */
import {
  type AssignmentReply,
  type AssignmentRequest,
  checkAssignmentReply,
  type CheckedAssignment,
  type CheckedRegistration,
  checkRegistration,
  checkRegistrationReply,
  fields,
  type RegistrationReply,
  type RegistrationRequest,
} from '@cpns/contracts';
import { Clock, CpnsError } from '@cpns/core';
import type { CallContext } from '@cpns/grpc';
import { type KeyForm, keyIdText } from '@cpns/key-derivation';
import { type CarriedField, emitStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { checkAddressee, OwnGateway } from '../common/own-gateway';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { ServerClients } from '../peers/peer-clients';
import { FirstSeeds } from '../provisioning/first-seeds';
import { GatewayCa } from '../provisioning/gateway-ca';
import { AssignedKeys } from './assigned-keys';

type CarriedIn = Readonly<Record<KeyForm, readonly CarriedField[]>>;

/** A request for a key. */
export const ASSIGNMENT_CARRIES: CarriedIn = {
  secret: ['token_id', 'entity', 'user', 'gateway', 'form', 'hpke_public_key', 'nonce', 'mac'],
  'key-pair': ['token_id', 'entity', 'user', 'gateway', 'form', 'csr', 'nonce', 'mac'],
};
const ASSIGNMENT_REPLY_CARRIES: CarriedIn = {
  secret: ['enc', 'ciphertext', 'not_after'],
  'key-pair': ['chain', 'mac'],
};
const NAMES: readonly CarriedField[] = ['token_id', 'entity', 'user'];
const REGISTRATION_CARRIES: CarriedIn = {
  secret: [...NAMES, 'first_seed_id', 'gateway', 'not_after', 'second_seed', 'nonce', 'confirmation'],
  'key-pair': [...NAMES, 'chain', 'hpke_public_key', 'signature'],
};
const REGISTRATION_REPLY_CARRIES: CarriedIn = {
  secret: ['key_id', 'confirmation'],
  'key-pair': ['key_id', 'enc', 'signature', 'chain'],
};

/**
 * What a PN GW relays to the CPNS Server, both ways as it came: requests of entities whose key the Server assigns
 * (EUK-SRV-S/P steps 1, 2, 4, 5) and registrations (EUK-GW-VERIFY steps 1, 2, 4, 5). The gateway can neither read nor swap
 * a key on the way: requests and replies are bound to the secret of a token that it does not have.
 */
@Injectable()
export class RelayToServer {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly keys: AssignedKeys,
    private readonly seeds: FirstSeeds,
    private readonly ca: GatewayCa,
    private readonly credentials: LiveCredentials,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError what the Server answers; DEPENDENCY_UNAVAILABLE while it is away */
  async assign(
    message: AssignmentRequest | undefined,
    { enrol: { form }, entity }: CheckedAssignment,
    call: CallContext,
  ): Promise<AssignmentReply> {
    const startedAt = this.clock.now();
    const { own, server } = this;
    const request = { request: message, method: call.method };
    const { reply, credential } = await server.entityUserKey.assignEntityUserKey(request, { within: call });
    checkAssignmentReply(reply, form);
    // the entity may call at once
    if (credential !== undefined) await this.credentials.apply(credential);
    const flow = form === 'secret' ? 'EUK-SRV-S' : 'EUK-SRV-P';
    // the sender is known only now: the Server found the MAC good
    emitStep({ flow, step: 1, from: entity.uri, to: own.uri, carried: ASSIGNMENT_CARRIES[form], startedAt });
    emitStep({ flow, step: 4, from: server.uri, to: own.uri, carried: ASSIGNMENT_REPLY_CARRIES[form] });
    return fields.present(reply, 'reply');
  }

  /** @throws CpnsError a field's reason; PN_MISMATCH; what the Server answers; DEPENDENCY_UNAVAILABLE while it is away */
  async register(message: RegistrationRequest | undefined, call: CallContext): Promise<RegistrationReply> {
    const startedAt = this.clock.now();
    const { own, server } = this;
    const request = checkRegistration(message);
    const { entity, form } = request;
    checkAddressee(own.name, entity);
    const { reply, credential } = await server.entityUserKey
      .registerEntityUserKey({ request: message }, { within: call })
      .catch((error: unknown) => this.dropRefused(request, error));
    const checked = checkRegistrationReply(reply);
    const flow = 'EUK-GW-VERIFY';
    await withinStep({ flow, step: 4 }, async () => {
      if (credential !== undefined) await this.credentials.apply(credential);
      await this.keys.noteRegistered(entity.uri, keyIdText(checked.keyId));
    });
    // the sender is known only now: the Server found its confirmation or signature good
    emitStep({ flow, step: 1, from: entity.uri, to: own.uri, carried: REGISTRATION_CARRIES[form], startedAt });
    emitStep({ flow, step: 4, from: server.uri, to: own.uri, carried: REGISTRATION_REPLY_CARRIES[checked.form] });
    return fields.present(reply, 'reply');
  }

  /** What the Server says is revoked of what this gateway assigns with is used no more: the next key is assigned with another. */
  private async dropRefused(request: CheckedRegistration, error: unknown): Promise<never> {
    if (error instanceof CpnsError) {
      const { reason, metadata } = error;
      const isOwnSeed = request.form === 'secret' && request.gateway.uri === this.own.uri;
      if (reason === 'FIRST_SEED_REVOKED' && isOwnSeed) await this.seeds.destroy(request.registration.firstSeedId);
      const [, issuer] = request.form === 'key-pair' ? request.chain : [];
      if (metadata.certificate === 'ca' && issuer !== undefined) await this.ca.drop(issuer);
    }
    throw error;
  }
}
