import {
  EntityUserKeyServiceService,
  type EntityUserKeyServiceAssignEntityUserKeyRequest,
  type EntityUserKeyServiceRegisterEntityUserKeyRequest,
  type GetEntityUserKeyRequest,
  type ListEntityUserKeysRequest,
  type ProvisionGatewayRequest,
  type RevokeEntityUserKeyRequest,
} from '@cpns/contracts';
import { gatewayOf, type CallContext, type Handlers } from '@cpns/grpc';
import type { ServerContext } from '../context';
import { AssignEntityUserKey, type Bearer } from '../entity-user-key/assign-entity-user-key/assign-entity-user-key';
import { keyInfo, ListEntityUserKeys } from '../entity-user-key/list-entity-user-keys/list-entity-user-keys';
import { ProvisionGateway } from '../entity-user-key/provision-gateway/provision-gateway';
import { RegisterEntityUserKey } from '../entity-user-key/register-entity-user-key/register-entity-user-key';
import { RevokeEntityUserKey } from '../entity-user-key/revoke-entity-user-key/revoke-entity-user-key';

const { renewEntityUserKey, ...SERVED } = EntityUserKeyServiceService;

/** CPNS-2 without its renewals, which the port answers UNIMPLEMENTED to. */
export { SERVED as ENTITY_USER_KEY_SERVED };
/** Specified, and not served yet. */
export const NOT_SERVED = renewEntityUserKey.path;

/** CPNS-2 on the wire; the token port serves AssignEntityUserKey of it, for gateways that enrol themselves. */
export class EntityUserKeyController implements Handlers<typeof SERVED> {
  readonly #assign: AssignEntityUserKey;
  readonly #register: RegisterEntityUserKey;
  readonly #provision: ProvisionGateway;
  readonly #revoke: RevokeEntityUserKey;
  readonly #list: ListEntityUserKeys;

  constructor(
    private readonly server: ServerContext,
    gatewayEnded: (gateway: string) => void,
  ) {
    this.#assign = new AssignEntityUserKey(server);
    this.#register = new RegisterEntityUserKey(server);
    this.#provision = new ProvisionGateway(server);
    this.#revoke = new RevokeEntityUserKey(server, gatewayEnded);
    this.#list = new ListEntityUserKeys(server);
  }

  provisionGateway(request: ProvisionGatewayRequest, call: CallContext) {
    return this.#provision.execute(request, gatewayOf(call));
  }

  async assignEntityUserKey(message: EntityUserKeyServiceAssignEntityUserKeyRequest, call: CallContext) {
    const bearer: Bearer =
      call.peer === undefined ? { kind: 'self', path: call.method } : { kind: 'relay', gateway: gatewayOf(call) };
    return { reply: await this.#assign.execute(message.request, message.method, bearer) };
  }

  async registerEntityUserKey({ request }: EntityUserKeyServiceRegisterEntityUserKeyRequest, call: CallContext) {
    return { reply: await this.#register.execute(request, gatewayOf(call)) };
  }

  async revokeEntityUserKey(request: RevokeEntityUserKeyRequest) {
    const key = await this.#revoke.execute(request);
    return { key: key && keyInfo(request.entity, key, this.server.clock.now()) };
  }

  async getEntityUserKey(request: GetEntityUserKeyRequest) {
    return { key: await this.#list.get(request) };
  }

  listEntityUserKeys(request: ListEntityUserKeysRequest) {
    return this.#list.list(request);
  }
}
