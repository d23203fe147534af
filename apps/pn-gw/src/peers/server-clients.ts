import {
  DeviceCapabilitiesServiceService,
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  ProofServiceService,
} from '@cpns/contracts';
import type { ClientMethods, Connection } from '@cpns/grpc';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';
import { clientsOf, connectToService } from './peer-connection';

/** The CPNS Server, over mutual TLS with the gateway's own certificate (Q10). */
@Injectable()
export class ServerClients implements OnApplicationShutdown {
  readonly #connection: Connection;
  /** URI of the Server, checked in each handshake. */
  readonly uri: string;
  readonly entityUserKey: ClientMethods<typeof EntityUserKeyServiceService>;
  readonly proof: ClientMethods<typeof ProofServiceService>;
  readonly deviceCapabilities: ClientMethods<typeof DeviceCapabilitiesServiceService>;
  readonly groupKeyDelivery: ClientMethods<typeof GroupKeyDeliveryServiceService>;

  constructor({ serverAddress }: GatewayConfig, own: OwnGateway) {
    this.#connection = connectToService('cpns-server', serverAddress, own);
    this.uri = this.#connection.peer;
    this.entityUserKey = clientsOf(this.#connection, EntityUserKeyServiceService);
    this.proof = clientsOf(this.#connection, ProofServiceService);
    this.deviceCapabilities = clientsOf(this.#connection, DeviceCapabilitiesServiceService);
    this.groupKeyDelivery = clientsOf(this.#connection, GroupKeyDeliveryServiceService);
  }

  onApplicationShutdown(): void {
    this.#connection.close();
  }
}
