/** The Service Management Function in the Server domain (SMF-SRV): it owns Service Groups and their members. */
import {
  EnrolmentServiceService,
  GroupKeyManagementServiceService,
  MembershipServiceService,
  ServiceGroupNoticeServiceService,
} from '@cpns/contracts';
import { systemClock, systemRandom, serviceUri } from '@cpns/core';
import { connectTo, createServerPort, implement, type Connection } from '@cpns/grpc';
import { openServerSide, type Infrastructure, type ServerSide, type ServiceParts } from '@cpns/platform';
import { groupOutbox } from './changes/group-outbox';
import { ProposeChange } from './changes/propose-change';
import { Settlements } from './changes/settlements';
import type { SmfConfig } from './config';
import type { ServerLink, SmfContext } from './context';
import { MembershipController } from './controllers/membership.controller';
import { NoticeController } from './controllers/notice.controller';
import { SERVICE_GROUP_SERVED, ServiceGroupController } from './controllers/service-group.controller';
import { GatewayStanding } from './records/gateway-standing';

/** 1,000 names of the longest kind are a third of a mebibyte; a group document is one. In bytes. */
const MESSAGE_MAX_BYTES = 8 * 1024 * 1024;

export async function compose(config: SmfConfig, { logger, name }: Infrastructure): Promise<ServiceParts> {
  const side = await openServerSide(config, name, logger);
  const { link, connection } = serverLink(config, side);
  const over = new AbortController();
  const smf = contextOf(config, side, { server: link, logger, over: over.signal });
  const settlements = new Settlements();
  const outbox = groupOutbox(smf, settlements);
  const changes = new ProposeChange(smf, outbox, settlements);
  const standing = new GatewayStanding(smf);
  const notices = new NoticeController(smf, standing);
  const certificate = createServerPort({
    clients: 'certificate',
    listen: config.listen,
    tls: side.identity.tls,
    identify: side.identify,
    services: [
      implement(SERVICE_GROUP_SERVED, new ServiceGroupController(smf, changes)),
      implement(MembershipServiceService, new MembershipController(smf, changes, standing)),
      implement(ServiceGroupNoticeServiceService, notices),
    ],
    maxMessageBytes: MESSAGE_MAX_BYTES,
    logger,
    health: side.health,
  });
  let carrying: Promise<void> | undefined;
  return {
    ports: { certificate },
    health: side.health,
    start: () => {
      carrying = outbox.run(over.signal);
      return Promise.resolve();
    },
    stop: async () => {
      over.abort();
      notices.stop();
      await carrying;
      connection.close();
      await side.store.close();
    },
  };
}

function contextOf(
  { trustDomain, keyLocation, serverAddress }: SmfConfig,
  { uri, store, records }: ServerSide,
  others: Pick<SmfContext, 'server' | 'logger' | 'over'>,
): SmfContext {
  return {
    uri,
    trustDomain,
    clock: systemClock,
    random: systemRandom,
    store,
    records,
    keyLocation: keyLocation ?? serverAddress,
    ...others,
  };
}

function serverLink(config: SmfConfig, { identity }: ServerSide): { link: ServerLink; connection: Connection } {
  const { cert, key, ca } = identity.tls;
  const uri = serviceUri(config.trustDomain, 'cpns-server');
  const connection = connectTo({ address: config.serverAddress, expectedPeer: uri, tls: { root: ca, cert, key } });
  return {
    link: {
      uri,
      ready: (milliseconds) => connection.ready(milliseconds),
      groupKeys: connection.client(GroupKeyManagementServiceService),
      enrolment: connection.client(EnrolmentServiceService),
    },
    connection,
  };
}
