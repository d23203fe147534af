/** A PN GW with its own store, between a Server and an SMF that are played: what the specs of its use cases begin with. */
import { createDevelopmentPki, type DevelopmentPki } from '@cpns/certificate-issuance';
import type { GatewayGroupKeyDelivery, WatchGroupKeysResponse } from '@cpns/contracts';
import { CpnsError, systemRandom, parseEntityUri } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { OUTBOX } from '@cpns/delivery';
import { eventually } from '@cpns/delivery/testing';
import { StatementVerifier } from '@cpns/group-key';
import { ServerCallContext, type CallContext, type ServerStreamContext } from '@cpns/grpc';
import { identifyByName } from '@cpns/grpc/testing';
import { keyIdBytes } from '@cpns/key-derivation';
import { Records, Sealer, type Store } from '@cpns/store';
import { FakeMasterKey, temporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { GatewayContext } from '../context';
import { composeGroups, type Groups } from '../groups/compose-groups';
import { GROUP_KIND } from '../records/group-records';
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

export interface GatewayWorld extends Groups {
  readonly clock: FakeClock;
  readonly pki: DevelopmentPki;
  readonly server: FakeServer;
  readonly smf: FakeSmf;
  readonly store: Store;
  readonly gateway: GatewayContext;
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

export async function gatewayWorld(): Promise<GatewayWorld> {
  const pki = await pkiOfTests();
  const clock = new FakeClock(Date.now());
  const { store, dispose } = await temporaryStore(clock);
  return assemble({
    pki,
    clock,
    store,
    original: store,
    dispose,
    server: await FakeServer.start(pki, clock),
    smf: new FakeSmf(TRUST_DOMAIN),
  });
}

type Lasting = Pick<GatewayWorld, 'pki' | 'clock' | 'store' | 'original' | 'server' | 'smf' | 'dispose'>;

async function assemble(lasting: Lasting): Promise<GatewayWorld> {
  const { pki, clock, store, server, smf } = lasting;
  const log = new MemoryLog('pn-gw', 'info');
  const sealer = await Sealer.open({ store, service: 'pn-gw', masterKey: new FakeMasterKey() });
  const gateway: GatewayContext = {
    name: parseEntityUri(GATEWAY),
    clock,
    random: systemRandom,
    store,
    records: new Records(store, sealer),
    server: server.link,
    smf: smf.link,
    statements: new StatementVerifier({ root: pki.root.chain[0]!, trustDomain: TRUST_DOMAIN, clock }),
    logger: log.logger,
    keyLifetime: 1_000_000,
  };
  const groups = composeGroups(gateway, { backoff: { first: 5, longest: 20 } });
  // ends what is waiting to be tried again
  const halt = () => groups.requests.run(AbortSignal.abort());
  return {
    ...lasting,
    ...groups,
    dispose: async () => {
      await halt();
      await lasting.dispose();
    },
    gateway,
    log,
    restarted: async (wrap = (same) => same) => {
      await halt();
      return assemble({ ...lasting, store: wrap(store) });
    },
    notice: (notice, traceparent = '') =>
      groups.notices.execute({ sequence: 1n, traceparent, notice: noticeOf(notice) }),
    requestsDone: () => requestsDone(store, log),
    push: (delivery, traceparent = '') => groups.pushes.execute(delivery, traceparent),
  };
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
