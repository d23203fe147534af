/** How CSKMF and its OSG are put together. */
import { KmcServiceService } from '@cpns/contracts';
import { duration, serviceUri } from '@cpns/core';
import { OutboxRelay } from '@cpns/delivery';
import { connectTo } from '@cpns/grpc';
import type { ServiceIdentity } from '@cpns/platform';
import type { Logger } from '@cpns/telemetry';
import type { ServerContext } from '../context';
import { Osg } from '../osg/osg';
import { GROUP_KIND } from '../records/group-records';
import type { CskmfContext } from './context';
import { PushGroupKey } from './push-group-key/push-group-key';
import { keepRetiring } from './retire-versions/retirement-loop';
import { RetireVersions } from './retire-versions/retire-versions';
import { SignedStatements } from './signed-statements';

/** Less than the callers' own deadlines, so that they hear which dependency is away; milliseconds. */
const KMC_DEADLINE_MS = 3_000;
/** How late a version may be destroyed; it is given to nobody from the very moment on. */
const RETIRE_EVERY = duration(15, 'second');

export interface Cskmf {
  readonly context: CskmfContext;
  /** Carries on what earlier processes left, and retires versions, until {@link Cskmf.stop}. */
  start(): void;
  stop(): Promise<void>;
}

export interface CskmfOptions {
  readonly server: ServerContext;
  readonly identity: ServiceIdentity;
  /** `host:port` */
  readonly kmcAddress: string;
  /** Milliseconds. */
  readonly activationDelay: number;
  readonly logger: Logger;
}

export function composeCskmf({ server, identity, kmcAddress, activationDelay, logger }: CskmfOptions): Cskmf {
  const kmcUri = serviceUri(server.trustDomain, 'kmc');
  const { cert, key, ca } = identity.tls;
  const connection = connectTo({
    address: kmcAddress,
    expectedPeer: kmcUri,
    tls: { root: ca, cert, key },
    deadlineMs: KMC_DEADLINE_MS,
  });
  const osg = new Osg({ uri: server.uri, kmcUri, kmc: connection.client(KmcServiceService), clock: server.clock });
  const context: CskmfContext = {
    server,
    osg,
    statements: new SignedStatements(server),
    activationDelay,
    wakeRelay: (group) => relay.wake(group),
    logger,
  };
  const push = new PushGroupKey(context);
  const relay = new OutboxRelay({
    store: server.store,
    kind: GROUP_KIND,
    carry: (group, entry) => push.carry(group, entry),
    onFailure: ({ id }, error, retryIn) =>
      logger.warn('a group’s deliveries could not be passed to the gateways', {
        groupId: id,
        error,
        retryInMs: retryIn,
      }),
  });
  const over = new AbortController();
  const loops: Promise<void>[] = [];
  return {
    context,
    start: () => {
      const { signal } = over;
      loops.push(
        relay.run(signal),
        keepRetiring(context, new RetireVersions(context), { every: RETIRE_EVERY, signal }),
      );
    },
    stop: async () => {
      over.abort();
      await Promise.all(loops);
      connection.close();
      osg.close();
    },
  };
}
