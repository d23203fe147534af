import { MembershipServiceService } from '@cpns/contracts';
import { serviceUri } from '@cpns/core';
import { connectTo, type ClientMethods, type Connection } from '@cpns/grpc';
import { ServiceIdentity } from '@cpns/platform';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ServerConfig } from '../config';

export type SmfMethods = Pick<ClientMethods<typeof MembershipServiceService>, 'endMemberships'>;

/** The connection to the SMF, which hears whose right ended. */
@Injectable()
export class Smf implements OnApplicationShutdown {
  /** `cpns://<trust-domain>/service/smf` */
  readonly uri: string;
  readonly rpc: SmfMethods;
  readonly #connection: Connection;

  constructor({ trustDomain, tls: { cert, key, ca } }: ServiceIdentity, { smfAddress }: ServerConfig) {
    this.uri = serviceUri(trustDomain, 'smf');
    this.#connection = connectTo({ address: smfAddress, expectedPeer: this.uri, tls: { root: ca, cert, key } });
    this.rpc = this.#connection.client(MembershipServiceService);
  }

  onApplicationShutdown(): void {
    this.#connection.close();
  }
}
