/** The connection to the CPNS Server, which tells whose certificates were ended. */
import { CertificateServiceService } from '@cpns/contracts';
import { serviceUri } from '@cpns/core';
import { connectTo } from '@cpns/grpc';
import { ENDED, EndedPeersSource, FollowEndedPeers, OwnsRecords, ServiceIdentity } from '@cpns/platform';
import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { KmcConfig } from '../config';

abstract class ServerLink extends EndedPeersSource {
  abstract close(): void;
}

function linkServer(
  { trustDomain, serverAddress }: KmcConfig,
  { tls: { cert, key, ca } }: ServiceIdentity,
): ServerLink {
  const expectedPeer = serviceUri(trustDomain, 'cpns-server');
  const connection = connectTo({ address: serverAddress, expectedPeer, tls: { root: ca, cert, key } });
  return { certificates: connection.client(CertificateServiceService), close: () => connection.close() };
}

@OwnsRecords(ENDED)
@Module({
  providers: [
    { provide: ServerLink, inject: [KmcConfig, ServiceIdentity], useFactory: linkServer },
    { provide: EndedPeersSource, useExisting: ServerLink },
    FollowEndedPeers,
  ],
})
export class ServerLinkModule implements OnApplicationShutdown {
  constructor(private readonly server: ServerLink) {}

  onApplicationShutdown(): void {
    this.server.close();
  }
}
