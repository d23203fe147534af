import { derToPem } from '@cpns/certificate-issuance';
import {
  EntityUserKeyServiceService,
  PnGatewayServiceService,
  type AssignmentReply,
  type AssignmentRequest,
  type RegistrationReply,
  type RegistrationRequest,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { connectTo } from '@cpns/grpc';
import { METHODS, type Admitted } from '../protocol/admitted';

/** What an entity that is not yet known asks of its peer. Both requests authenticate themselves. */
export interface Channel {
  /** URI of the peer, verified in TLS on each call. */
  readonly peer: string;
  assign(request: AssignmentRequest): Promise<AssignmentReply | undefined>;
  register(request: RegistrationRequest): Promise<RegistrationReply | undefined>;
  close(): void;
}

/** Opens a channel; nothing is dialled before its first call. */
export type OpenChannel = (admitted: Admitted) => Channel;

/** The token port of the peer that the one-time string names, under the root that it names. */
export const tokenChannel: OpenChannel = ({ endpoint, peer, root, role }) => {
  const connection = connectTo({ address: endpoint, expectedPeer: peer, tls: { root: derToPem(root) } });
  const close = () => connection.close();
  if (role === 'pn-gw') {
    const server = connection.client(EntityUserKeyServiceService);
    return {
      peer,
      assign: async (request) => (await server.assignEntityUserKey({ request, method: METHODS.enrolGateway })).reply,
      register: () =>
        Promise.reject(new CpnsError('INTERNAL', 'a PN GW is known by its enrolment and registers nothing')),
      close,
    };
  }
  const gateway = connection.client(PnGatewayServiceService);
  return {
    peer,
    assign: async (request) => (await gateway.assignEntityUserKey({ request })).reply,
    register: async (request) => (await gateway.registerEntityUserKey({ request })).reply,
    close,
  };
};
