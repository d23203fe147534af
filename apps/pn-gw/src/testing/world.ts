/** A PN GW with its own store, between a Server and an SMF that are played: what the specs of its use cases begin with. */
import { createDevelopmentPki, type DevelopmentPki } from '@cpns/certificate-issuance';
import {
  CredentialState,
  type EntityCredential,
  type GatewayGroupKeyDelivery,
  KeyForm,
  type WatchGroupKeysResponse,
} from '@cpns/contracts';
import { CpnsError, duration, parseEntityUri } from '@cpns/core';
import { eventually, FakeClock, reasonOfAsync, type Opened } from '@cpns/core/testing';
import { OUTBOX, systemTimers, Timers } from '@cpns/delivery';
import type { ServerCallContext } from '@cpns/grpc';
import { identifyByName, testCall } from '@cpns/grpc/testing';
import { encodeProof, keyIdBytes, type Proof, sha256 } from '@cpns/key-derivation';
import { testProcess } from '@cpns/platform/testing';
import { allMembers, type Store } from '@cpns/store';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { TestingModule } from '@nestjs/testing';
import { FUNCTIONS } from '../app.module';
import { OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';
import { AcceptPush } from '../cskmf/accept-push';
import { WatchGroupKeys } from '../cskmf/cskmf.controller';
import { Envelopes, GroupKeyHub, HeldPushes } from '../cskmf/envelopes';
import { RequestGroupKey, RequestingOptions } from '../cskmf/request-group-key';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { TableAge } from '../live-credentials/table-age';
import { ServerClients, SmfClients } from '../peers/peer-clients';
import {
  GROUP_KIND,
  groupAggregate,
  GROUPS_SET,
  KnownGroups,
  memberAggregate,
  MEMBERS_SET,
} from '../service-group/known-groups';
import { ApplyNotice } from '../smf/notice-channel';
import { FakeServer, keyIdOf } from './fake-server';
import { FakeSmf, noticeOf, type NoticeOf } from './fake-smf';

export const TRUST_DOMAIN = 'td.example';
export const GATEWAY = `cpns://pn1.${TRUST_DOMAIN}/pn-gw/gw`;
export const CAMERA = `cpns://pn1.${TRUST_DOMAIN}/pne/camera`;
export const LOCK = `cpns://pn1.${TRUST_DOMAIN}/pne/lock`;
export const SENSOR = `cpns://pn1.${TRUST_DOMAIN}/pne/sensor`;
export const STRANGER = `cpns://pn2.${TRUST_DOMAIN}/pne/camera`;
export const BOTH = [CAMERA, LOCK];
/** The group of a test that has one. */
export const GROUP = 'g1';
/** How long an entity watches its Group Keys, milliseconds. */
export const WATCH_LIFETIME = 60_000;
/** How long the gateway believes its table of keys, milliseconds. */
export const REVOCATION_MAX_AGE = 86_400_000;

let shared: Promise<DevelopmentPki> | undefined;
/** Made once: keys cost more than most tests. */
const pkiOfTests = () => (shared ??= createDevelopmentPki({ trustDomain: TRUST_DOMAIN }));

const CONFIG: Partial<GatewayConfig> = {
  keyLifetime: 1_000_000,
  watchLifetime: WATCH_LIFETIME,
  provisioningInterval: 60_000,
  revocationMaxAge: REVOCATION_MAX_AGE,
};
const REQUEST_FAILED = 'a Group Key could not be requested yet';

/** The form of an entity's own proof, which the service behind the gateway verifies. */
const NO_PROOF: Omit<Proof, 'entity'> = {
  keyId: '0'.repeat(32),
  timeMs: 0,
  nonce: Buffer.alloc(16, 1),
  mac: Buffer.alloc(32, 1),
};

/** How a caller is authenticated: by a proof of its S of an epoch, or by a certificate, DER, of the key of an epoch. */
export type Shown = { readonly epoch: number } | { readonly certificate: Buffer; readonly of?: number };

export class GatewayWorld implements Opened {
  pki!: DevelopmentPki;
  clock!: FakeClock;
  server!: FakeServer;
  smf!: FakeSmf;
  /** Its store as this process has it. */
  store!: Store;
  log!: MemoryLog;
  /** The process, whose use cases a test takes from it. */
  module!: TestingModule;
  groups!: KnownGroups;
  envelopes!: Envelopes;
  hub!: GroupKeyHub;
  requests!: RequestGroupKey;
  /** Its certificate, of which no more is looked at than whether it is the same; another after an enrolment. */
  identity = Buffer.from('identity');
  #temporary!: TemporaryStore;
  #revision = 0n;

  /** @param timers of watches */
  constructor(private readonly timers: () => Timers = () => systemTimers) {}

  async open(): Promise<void> {
    this.pki = await pkiOfTests();
    this.clock = new FakeClock(Date.now());
    this.#temporary = await temporaryStore(this.clock);
    const { issuingCa, serverEntityCa } = this.pki;
    const authorities = { issuingCa: issuingCa.issuer, entityCa: serverEntityCa.issuer };
    const signer = await this.pki.issueService('cpns-server');
    this.server = new FakeServer(GATEWAY, this.clock, { signer, authorities });
    // a gateway that is not provisioned
    this.server.refusal = new CpnsError('DEPENDENCY_UNAVAILABLE', 'it is away');
    this.smf = new FakeSmf(TRUST_DOMAIN);
    await this.#start(this.#temporary.store);
    await this.credentials.beginSnapshot(false);
    for (const entity of [CAMERA, LOCK, SENSOR]) await this.credential(entity);
    await this.credentials.endSnapshot();
    await this.heardOfServer();
  }

  /** The table of keys is as young as can be. */
  heardOfServer(): Promise<void> {
    return this.module.get(TableAge).note(this.clock.now());
  }

  /** The Server says what an entity shows of its live key from now on: without more, proofs of its first S. */
  credential(entity: string, shown?: Shown, changes: Partial<EntityCredential> = {}): Promise<void> {
    return this.credentials.apply({ ...this.credentialOf(entity, shown), ...changes });
  }

  /** The same, as it is told. */
  credentialOf(entity: string, shown: Shown = { epoch: 0 }): EntityCredential {
    this.#revision += 1n;
    const epoch = 'epoch' in shown ? shown.epoch : (shown.of ?? 0);
    return {
      entity,
      revision: this.#revision,
      life: 1n,
      state: CredentialState.CREDENTIAL_STATE_LIVE,
      keyId: keyIdBytes(keyIdOf(entity, epoch)),
      form: 'epoch' in shown ? KeyForm.KEY_FORM_SECRET : KeyForm.KEY_FORM_KEY_PAIR,
      certificateDigest: 'epoch' in shown ? Buffer.alloc(0) : sha256(shown.certificate),
      user: '',
      assigner: this.server.clients.uri,
      assignerLife: 0n,
      notAfter: BigInt(this.clock.now() + duration(365, 'day')),
    };
  }

  get credentials(): LiveCredentials {
    return this.module.get(LiveCredentials);
  }

  async #start(store: Store): Promise<void> {
    [this.store, this.log] = [store, new MemoryLog('pn-gw', 'info')];
    const own: OwnGateway = {
      uri: GATEWAY,
      name: parseEntityUri(GATEWAY),
      chain: [this.identity],
      root: this.pki.root.chain[0]!,
      tls: { cert: '', key: '', ca: '' },
    };
    this.module = await testProcess({
      name: 'pn-gw',
      uri: GATEWAY,
      store,
      clock: this.clock,
      logger: this.log.logger,
      modules: FUNCTIONS,
      providers: [
        { provide: GatewayConfig, useValue: CONFIG },
        { provide: OwnGateway, useValue: own },
      ],
      overrides: [
        { provide: ServerClients, useValue: this.server.clients },
        { provide: SmfClients, useValue: this.smf.clients },
        { provide: RequestingOptions, useValue: { backoff: { first: 5, longest: 20 } } },
        { provide: Timers, useValue: this.timers() },
      ],
    });
    this.groups = this.module.get(KnownGroups);
    this.envelopes = this.module.get(Envelopes);
    this.hub = this.module.get(GroupKeyHub);
    this.requests = this.module.get(RequestGroupKey);
  }

  /** The same gateway after a restart: on its store as it was made, or wrapped, with nothing in memory. */
  async restart(wrap: (store: Store) => Store = (same) => same): Promise<void> {
    await this.#halt();
    await this.#start(wrap(this.#temporary.store));
  }

  async close(): Promise<void> {
    await this.#halt();
    await this.#temporary.dispose();
  }

  /** Ends what is waiting to be tried again. */
  #halt(): Promise<void> {
    return this.requests.run(AbortSignal.abort());
  }

  notice(notice: NoticeOf, traceparent = ''): Promise<void> {
    return this.module.get(ApplyNotice).execute({ traceparent, notice: noticeOf(notice) });
  }

  push(delivery: GatewayGroupKeyDelivery, traceparent = ''): Promise<void> {
    return this.module.get(AcceptPush).execute(delivery, traceparent);
  }

  /** The notice of a revision, and the push of its Group Key. */
  async pushed(revision = 1n, groupId = GROUP, members: readonly string[] = BOTH): Promise<void> {
    await this.notice({ groupId, revision, members });
    await this.push(this.server.keyFor(groupId, revision, members));
  }

  /** The notice and the push of the end of a group. */
  async ended(last = 1n, groupId = GROUP): Promise<void> {
    await this.notice({ groupId, revision: last + 1n, deleted: true });
    await this.push(this.server.endOf(groupId, last));
  }

  /** Resolves when every request for a Group Key that is in an outbox was carried on, or has failed once. */
  async requestsDone(): Promise<void> {
    const failed = () => this.log.entries().filter(({ message }) => message === REQUEST_FAILED).length;
    const before = failed();
    await eventually(async () => {
      if (failed() > before) return;
      const { items } = await this.store.list(GROUP_KIND, undefined, 1_000);
      for (const id of items) expect(await this.requestsOf(id)).toBe(0);
    });
  }

  /** How many requests for the key of a group are left to do. */
  async requestsOf(groupId = GROUP): Promise<number> {
    return (await this.store.readLog(groupAggregate(groupId), OUTBOX, 0n, 10)).entries.length;
  }

  /** The versions that the Server made statements about. */
  async versions(groupId = GROUP): Promise<bigint[]> {
    return (await this.groups.read(groupId)).statements.map(({ statement }) => statement.version);
  }

  /** Whether the gateway has envelopes of a version. */
  async holds(version: bigint, entities: readonly string[] = BOTH, groupId = GROUP): Promise<boolean[]> {
    const found = entities.map((entity) => this.envelopes.find(entity, groupId, version));
    return (await Promise.all(found)).map((envelope) => envelope?.version === version);
  }

  /** The versions of pushes that wait for their notices. */
  async waiting(groupId = GROUP): Promise<bigint[]> {
    return (await this.module.get(HeldPushes).of(groupId)).map(({ version }) => version);
  }

  members(groupId = GROUP): Promise<string[]> {
    return allMembers(this.store, groupAggregate(groupId), MEMBERS_SET);
  }

  groupsOf(entity: string): Promise<string[]> {
    return allMembers(this.store, memberAggregate(entity), GROUPS_SET);
  }

  /** A call of an entity, with its own proof; without one, of an unknown caller. */
  call(entity?: string, shown: Shown = { epoch: 0 }, signal = new AbortController().signal): ServerCallContext {
    const method = '/cpns.v1.PnGatewayService/PullGroupKey';
    const call = testCall({ method, receivedAt: this.clock.now(), signal, logger: this.log.logger });
    if (entity === undefined) return call;
    call.requestBytes = Buffer.from('as the entity sent it');
    call.entityProof = encodeProof({ ...NO_PROOF, entity });
    if ('epoch' in shown) call.proven = { entity, user: '', keyId: keyIdBytes(keyIdOf(entity, shown.epoch)) };
    else call.peer = { ...identifyByName(shown.certificate), uri: entity, role: 'target-entity' };
    return call;
  }

  /**
   * A watch under way: what it was sent, how it ended, and how the caller goes away.
   * @param taken resolves when the transport took a message: what back-pressure is
   */
  watch(entity?: string, shown?: Shown, taken: () => Promise<void> = () => Promise.resolve()) {
    const over = new AbortController();
    const sent: WatchGroupKeysResponse[] = [];
    const write = async (message: WatchGroupKeysResponse) => {
      sent.push(message);
      await taken();
    };
    const call = Object.assign(this.call(entity, shown, over.signal), { write });
    return { sent, outcome: reasonOfAsync(this.module.get(WatchGroupKeys).execute(call)), hangUp: () => over.abort() };
  }
}
