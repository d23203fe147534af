/** A PN GW with its own store, between a Server and an SMF that are played: what the specs of its use cases begin with. */
import { createDevelopmentPki, type DevelopmentPki } from '@cpns/certificate-issuance';
import type { GatewayGroupKeyDelivery, WatchGroupKeysResponse } from '@cpns/contracts';
import { CpnsError, parseEntityUri } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { OUTBOX, systemTimers, Timers } from '@cpns/delivery';
import { eventually } from '@cpns/delivery/testing';
import { ServerCallContext, type CallContext, type ServerStreamContext } from '@cpns/grpc';
import { identifyByName } from '@cpns/grpc/testing';
import { keyIdBytes } from '@cpns/key-derivation';
import { testProcess } from '@cpns/platform/testing';
import type { Store } from '@cpns/store';
import { temporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { TestingModule } from '@nestjs/testing';
import { FUNCTIONS } from '../app.module';
import { OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';
import { AcceptPush } from '../cskmf/accept-push/accept-push';
import { Envelopes } from '../cskmf/envelopes';
import { RequestGroupKey, RequestingOptions } from '../cskmf/request-group-key/request-group-key';
import { GroupKeyHub } from '../cskmf/watch-group-keys/group-key-hub';
import { ServerClients } from '../peers/server-clients';
import { SmfClients } from '../peers/smf-clients';
import { KnownGroups } from '../service-group/known-group';
import { GROUP_KIND } from '../service-group/records';
import { ApplyNotice } from '../smf/apply-notice/apply-notice';
import { FakeServer, keyIdOf } from './fake-server';
import { FakeSmf, noticeOf, type NoticeOf } from './fake-smf';

export const TRUST_DOMAIN = 'td.example';
export const GATEWAY = `cpns://pn1.${TRUST_DOMAIN}/pn-gw/gw`;
export const CAMERA = `cpns://pn1.${TRUST_DOMAIN}/pne/camera`;
export const LOCK = `cpns://pn1.${TRUST_DOMAIN}/pne/lock`;
export const STRANGER = `cpns://pn2.${TRUST_DOMAIN}/pne/camera`;

let shared: Promise<DevelopmentPki> | undefined;
/** Made once: keys cost more than most tests. */
const pkiOfTests = () => (shared ??= createDevelopmentPki({ trustDomain: TRUST_DOMAIN }));

export interface GatewayWorld {
  /** The process, whose use cases a test takes from it. */
  readonly module: TestingModule;
  readonly groups: KnownGroups;
  readonly envelopes: Envelopes;
  readonly hub: GroupKeyHub;
  readonly requests: RequestGroupKey;
  readonly clock: FakeClock;
  readonly pki: DevelopmentPki;
  readonly server: FakeServer;
  readonly smf: FakeSmf;
  readonly store: Store;
  readonly log: MemoryLog;
  /** Its store as it was made. */
  readonly original: Store;
  /** The same gateway after a restart: on its store, with nothing in memory. */
  restarted(wrap?: (store: Store) => Store): Promise<GatewayWorld>;
  notice(notice: NoticeOf, traceparent?: string): Promise<void>;
  push(delivery: GatewayGroupKeyDelivery, traceparent?: string): Promise<void>;
  /** Resolves when every request for a Group Key that is in an outbox was carried on, or has failed once. */
  requestsDone(): Promise<void>;
  dispose(): Promise<void>;
}

/** How long an entity watches its Group Keys, milliseconds. */
export const WATCH_LIFETIME = 60_000;

/** @param timers of watches */
export async function gatewayWorld(timers: Timers = systemTimers): Promise<GatewayWorld> {
  const pki = await pkiOfTests();
  const clock = new FakeClock(Date.now());
  const { store, dispose } = await temporaryStore(clock);
  return assemble({
    pki,
    clock,
    timers,
    store,
    original: store,
    dispose,
    server: await FakeServer.start(pki, clock),
    smf: new FakeSmf(TRUST_DOMAIN),
  });
}

type Lasting = Pick<GatewayWorld, 'pki' | 'clock' | 'store' | 'original' | 'server' | 'smf' | 'dispose'> & {
  readonly timers: Timers;
};

async function assemble(lasting: Lasting): Promise<GatewayWorld> {
  const { store } = lasting;
  const log = new MemoryLog('pn-gw', 'info');
  const module = await processOf(lasting, log);
  const requests = module.get(RequestGroupKey);
  // ends what is waiting to be tried again
  const halt = () => requests.run(AbortSignal.abort());
  return {
    ...lasting,
    module,
    groups: module.get(KnownGroups),
    envelopes: module.get(Envelopes),
    hub: module.get(GroupKeyHub),
    requests,
    dispose: async () => {
      await halt();
      await lasting.dispose();
    },
    log,
    restarted: async (wrap = (same) => same) => {
      await halt();
      return assemble({ ...lasting, store: wrap(store) });
    },
    notice: (notice, traceparent = '') =>
      module.get(ApplyNotice).execute({ sequence: 1n, traceparent, notice: noticeOf(notice) }),
    requestsDone: () => requestsDone(store, log),
    push: (delivery, traceparent = '') => module.get(AcceptPush).execute(delivery, traceparent),
  };
}

function processOf({ pki, clock, timers, store, server, smf }: Lasting, { logger }: MemoryLog): Promise<TestingModule> {
  const root = pki.root.chain[0]!;
  const own: OwnGateway = {
    uri: GATEWAY,
    name: parseEntityUri(GATEWAY),
    chain: [],
    root,
    tls: { cert: '', key: '', ca: '' },
  };
  const config: Partial<GatewayConfig> = {
    keyLifetime: 1_000_000,
    watchLifetime: WATCH_LIFETIME,
    provisioningInterval: 60_000,
  };
  return testProcess({
    name: 'pn-gw',
    uri: GATEWAY,
    store,
    clock,
    logger,
    modules: FUNCTIONS,
    providers: [
      { provide: GatewayConfig, useValue: config },
      { provide: OwnGateway, useValue: own },
    ],
    overrides: [
      { provide: ServerClients, useValue: server.clients },
      { provide: SmfClients, useValue: smf.clients },
      { provide: RequestingOptions, useValue: { backoff: { first: 5, longest: 20 } } },
      { provide: Timers, useValue: timers },
    ],
  });
}

const REQUEST_FAILED = 'a Group Key could not be requested yet';

async function requestsDone(store: Store, log: MemoryLog): Promise<void> {
  const failed = () => log.entries().filter(({ message }) => message === REQUEST_FAILED).length;
  const before = failed();
  await eventually(async () => {
    if (failed() > before) return;
    const { items } = await store.list(GROUP_KIND, undefined, 1_000);
    for (const id of items)
      expect((await store.readLog({ kind: GROUP_KIND, id }, OUTBOX, 0n, 1)).entries).toHaveLength(0);
  });
}

/** How a caller is authenticated: by a proof of its S of an epoch, or by a certificate. */
export type Shown = { readonly epoch: number } | { readonly certificate: Buffer } | undefined;

/** A call of an entity; of nobody without one. */
export function callOf(
  { log, clock }: Pick<GatewayWorld, 'log' | 'clock'>,
  entity: string | undefined,
  shown: Shown = { epoch: 0 },
  signal = new AbortController().signal,
): CallContext {
  const call = new ServerCallContext({
    method: '/cpns.v1.PnGatewayService/PullGroupKey',
    deadline: Infinity,
    receivedAt: clock.now(),
    signal,
    logger: log.logger,
  });
  if (entity === undefined) return call;
  if ('epoch' in shown) call.proven = { entity, user: '', keyId: keyIdBytes(keyIdOf(entity, shown.epoch)) };
  else call.peer = { ...identifyByName(shown.certificate), uri: entity, role: 'target-entity' };
  return call;
}

/** A watch under way: what it was sent, and what became of it. */
export interface WatchUnderWay {
  readonly sent: WatchGroupKeysResponse[];
  /** `over`, or the reason that it ended with. */
  readonly outcome: Promise<string>;
  /** The caller goes away. */
  readonly hangUp: () => void;
}

/** @param taken resolves when the transport took a message: what back-pressure is */
export function watchOf(
  world: Pick<GatewayWorld, 'log' | 'clock'>,
  watch: { execute(call: ServerStreamContext<WatchGroupKeysResponse>): Promise<void> },
  entity: string | undefined,
  shown?: Shown,
  taken: () => Promise<void> = () => Promise.resolve(),
): WatchUnderWay {
  const over = new AbortController();
  const sent: WatchGroupKeysResponse[] = [];
  const write = async (message: WatchGroupKeysResponse) => {
    sent.push(message);
    await taken();
  };
  const call = Object.assign(callOf(world, entity, shown ?? { epoch: 0 }, over.signal), { write });
  return { sent, outcome: outcomeOf(watch.execute(call)), hangUp: () => over.abort() };
}

/** `over` or the reason of the CpnsError; any other failure is passed on. */
export const outcomeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'over',
    (error: unknown) => {
      if (error instanceof CpnsError) return error.reason;
      throw error;
    },
  );
