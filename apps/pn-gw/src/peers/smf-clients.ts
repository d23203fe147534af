import { MembershipServiceService, ServiceGroupNoticeServiceService } from '@cpns/contracts';
import type { ClientMethods, Connection } from '@cpns/grpc';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';
import { clientsOf, connectToService } from './peer-connection';

/** The SMF, over mutual TLS with the gateway's own certificate. */
@Injectable()
export class SmfClients implements OnApplicationShutdown {
  readonly #connection: Connection;
  /** URI of the SMF, checked in each handshake. */
  readonly uri: string;
  readonly notices: ClientMethods<typeof ServiceGroupNoticeServiceService>;
  readonly membership: ClientMethods<typeof MembershipServiceService>;

  constructor({ smfAddress }: GatewayConfig, own: OwnGateway) {
    this.#connection = connectToService('smf', smfAddress, own);
    this.uri = this.#connection.peer;
    this.notices = clientsOf(this.#connection, ServiceGroupNoticeServiceService);
    this.membership = clientsOf(this.#connection, MembershipServiceService);
  }

  onApplicationShutdown(): void {
    this.#connection.close();
  }
}
