import { KmcServiceService } from '@cpns/contracts';
import { serviceUri } from '@cpns/core';
import { connectTo, type ClientMethods, type Connection } from '@cpns/grpc';
import { ServiceIdentity } from '@cpns/platform';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ServerConfig } from '../config';

/** Less than the callers' own deadlines, so that they hear which dependency is away; milliseconds. */
const DEADLINE_MS = 3_000;

export type KmcMethods = ClientMethods<typeof KmcServiceService>;

/** The connection to the KMC, which OSG alone has. */
@Injectable()
export class Kmc implements OnApplicationShutdown {
  /** `cpns://<trust-domain>/service/kmc` */
  readonly uri: string;
  readonly rpc: KmcMethods;
  readonly #connection: Connection;

  constructor({ trustDomain, tls: { cert, key, ca } }: ServiceIdentity, { kmcAddress }: ServerConfig) {
    this.uri = serviceUri(trustDomain, 'kmc');
    this.#connection = connectTo({
      address: kmcAddress,
      expectedPeer: this.uri,
      tls: { root: ca, cert, key },
      deadlineMs: DEADLINE_MS,
    });
    this.rpc = this.#connection.client(KmcServiceService);
  }

  onApplicationShutdown(): void {
    this.#connection.close();
  }
}
