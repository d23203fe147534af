/** What the specs of CSKMF begin with: a Server's store with entities and gateways in it, and a KMC that is told what to do. */
import { createDevelopmentPki } from '@cpns/certificate-issuance';
import {
  checkStatement,
  GroupKeyDeliveryMode,
  NO_PAGE,
  type GatewayGroupKeyDelivery,
  type GetGroupKeyStatusRequest,
  type GroupDescription,
  type GroupKeyDeliveryServicePullGroupKeyRequest,
} from '@cpns/contracts';
import {
  EntityUserKey,
  parseEntityUri,
  parseSubject,
  SECRET_BYTES,
  serviceUri,
  systemRandom,
  type GroupKey,
} from '@cpns/core';
import { FakeClock, type Opened } from '@cpns/core/testing';
import { openEnvelope, requireCommitment, StatementVerifier } from '@cpns/group-key';
import { testCall } from '@cpns/grpc/testing';
import { deriveKeyId, sha256 } from '@cpns/key-derivation';
import { PersonalNetworks, ServiceIdentity } from '@cpns/platform';
import { descriptionOf, testProcess, type TestProcess } from '@cpns/platform/testing';
import { at, type Store } from '@cpns/store';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { TestingModule } from '@nestjs/testing';
import { ServerConfig } from '../config';
import { CskmfModule } from '../cskmf/cskmf.module';
import { GroupKeyLoop } from '../cskmf/group-key-loop';
import { GroupKeyManagementController } from '../cskmf/group-key-management.controller';
import { PullGroupKeyController } from '../cskmf/pull-group-key';
import { PushRelay } from '../cskmf/push-group-key';
import { groupAggregate } from '../cskmf/records';
import { RetireVersions } from '../cskmf/retire-versions';
import { EntityRecords, KEY, type KeyRecord } from '../entities/records';
import { DeliveryMessages, type DeliveryEntry } from '../gateway-delivery/delivery-messages';
import { GatewayDeliveryModule } from '../gateway-delivery/gateway-delivery.module';
import { GatewayLog, subjectOf } from '../gateway-log/gateway-log';
import { GatewayRecords, IDENTITY } from '../gateways/records';
import { Kmc } from '../osg/osg';
import { Smf } from '../smf/smf';
import { FakeKmc } from './fake-kmc';
import { FakeSmf } from './fake-smf';

export const TRUST_DOMAIN = 'td.example';
export const SERVER = serviceUri(TRUST_DOMAIN, 'cpns-server');
export const SMF = serviceUri(TRUST_DOMAIN, 'smf');
export const KMC = serviceUri(TRUST_DOMAIN, 'kmc');
export const SEAL_PERIOD = 600_000;

/** E of a PNE. */
export const pne = (name: string, pnId = 'pn1'): string => `cpns://${pnId}.${TRUST_DOMAIN}/pne/${name}`;
/** E of a PN GW. */
export const gateway = (name = 'gw', pnId = 'pn1'): string => `cpns://${pnId}.${TRUST_DOMAIN}/pn-gw/${name}`;
export const GW = gateway();
export const GW2 = gateway('gw', 'pn2');

/** Of a group whose Group Keys are pushed. */
export const PUSH = { delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH };

/** Changes wake nothing: a test carries on what they left when it wants to. */
class SleepingRelay extends PushRelay {
  override wake(): void {
    return undefined;
  }
}

/** A call of the SMF or of a gateway. */
export function callOf(uri: string, signal = new AbortController().signal) {
  const isService = uri === SMF;
  const name = isService ? parseSubject(uri).name : parseEntityUri(uri);
  const fingerprint = sha256(Buffer.from(uri));
  return testCall({ signal }, { uri, name, role: isService ? 'service' : 'pn-gw', fingerprint });
}

/** One process of the CPNS Server, as far as CSKMF goes: the SMF's calls, each with the status that it is answered with. */
export class CskmfProcess {
  readonly management: GroupKeyManagementController;
  readonly retire: RetireVersions;

  constructor(readonly module: TestingModule) {
    this.management = module.get(GroupKeyManagementController);
    this.retire = module.get(RetireVersions);
  }

  async create(members: readonly string[], description: Partial<GroupDescription> = {}) {
    const sealPeriod = BigInt(SEAL_PERIOD);
    const group = descriptionOf('g', { sealPeriod, ...description });
    const request = { description: group, members: [...members], membershipRevision: 1n };
    return (await this.management.createGroupKey(request, callOf(SMF))).status;
  }

  async update(membershipRevision: bigint, joined: string[], left: string[], groupId = 'g', emergency = false) {
    const request = { groupId, membershipRevision, joined, left, emergency };
    return (await this.management.updateGroupKey(request, callOf(SMF))).status;
  }

  async delete(groupId = 'g') {
    return (await this.management.deleteGroupKey({ groupId }, callOf(SMF))).status;
  }

  async status(groupId = 'g') {
    return (await this.ask({ groupId })).status;
  }

  ask(request: Partial<GetGroupKeyStatusRequest> = {}) {
    return this.management.getGroupKeyStatus({ groupId: 'g', entity: '', withRecipients: false, ...request });
  }

  async rotate({ emergency = false, requestId = Buffer.alloc(0), groupId = 'g' } = {}) {
    return (await this.management.rotateGroupKey({ groupId, emergency, requestId })).status;
  }

  /** @param change of what {@link create} makes by default */
  async describe(descriptionRevision: bigint, change: Partial<GroupDescription>, groupId = 'g') {
    const description = descriptionOf(groupId, { sealPeriod: BigInt(SEAL_PERIOD), ...change });
    return (await this.management.updateGroupDescription({ description, descriptionRevision })).status;
  }

  /** What is due by now for each group. */
  round(): Promise<void> {
    return this.module.get(GroupKeyLoop).round(new AbortController().signal);
  }

  /** Each version with the first letter of its state. */
  async states(groupId = 'g'): Promise<string> {
    const letters = ['-', 'p', 'a', 'g', 'r'];
    const { versions } = await this.status(groupId);
    return versions.map(({ version, state }) => `${version}${letters[state] ?? '?'}`).join(' ');
  }

  /** PullGroupKey of a gateway. @param standing resolves when it may still act */
  async pull(entity: string, version = 0n, through = GW, groupId = 'g', standing = Promise.resolve()) {
    return (await this.pullPage({ entity, version, groupId }, through, standing)).delivery;
  }

  /** The same, with what is said of pages. */
  pullPage(request: Partial<GroupKeyDeliveryServicePullGroupKeyRequest>, through = GW, standing = Promise.resolve()) {
    const whole = { groupId: 'g', version: 0n, entity: '', ...NO_PAGE, ...request };
    const call = Object.assign(callOf(through), { standing });
    return this.module.get(PullGroupKeyController).pullGroupKey(whole, call);
  }

  /** Puts what changes left into the logs of the gateways. */
  push(groupId = 'g'): Promise<void> {
    return this.module.get(PushRelay).drain(groupAggregate(groupId));
  }
}

/** Made once in a test process: keys take longer than all else. */
let authority: ReturnType<typeof makeAuthority> | undefined;

async function makeAuthority() {
  const pki = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN, clock: new FakeClock() });
  const { chain, privateKey } = await pki.issueService('cpns-server');
  const root = pki.root.chain[0]!;
  return { uri: SERVER, trustDomain: TRUST_DOMAIN, root, chain, key: privateKey.keyObject };
}

export interface WorldOptions {
  /** With a live registered key. */
  readonly entities?: readonly string[];
  /** That enrolled and may act. */
  readonly gateways?: readonly string[];
  readonly activationDelay?: number;
}

export class World implements Opened {
  clock!: FakeClock;
  kmc!: FakeKmc;
  smf!: FakeSmf;
  log!: MemoryLog;
  store!: Store;
  server!: CskmfProcess;
  #identity!: Awaited<ReturnType<typeof makeAuthority>>;
  #temporary: TemporaryStore | undefined;
  readonly #keys = new Map<string, EntityUserKey>();
  /** Writes and reads what a test begins and ends with. */
  #module!: TestingModule;

  constructor(private readonly options: WorldOptions = {}) {}

  /** @param store one of its own on disk without it, where things end by the world's clock */
  async open(store?: Store): Promise<void> {
    [this.clock, this.kmc, this.smf, this.log] = [new FakeClock(), new FakeKmc(), new FakeSmf(), new MemoryLog()];
    this.#identity = await (authority ??= makeAuthority());
    if (store === undefined) this.#temporary = await temporaryStore(this.clock);
    this.store = store ?? this.#temporary!.store;
    this.#module = (await this.process()).module;
    await this.register(...(this.options.entities ?? []));
    for (const entity of this.options.gateways ?? []) await this.enrol(entity);
    this.server = await this.process();
  }

  async close(): Promise<void> {
    await this.#temporary?.dispose();
  }

  /** A process of its own over a store: nothing that another had in memory is in this one. */
  async process(
    store: Store = this.store,
    overrides: TestProcess['overrides'] = [],
    modules: TestProcess['modules'] = [CskmfModule, GatewayDeliveryModule],
  ): Promise<CskmfProcess> {
    const module = await testProcess({
      name: 'cpns-server',
      uri: SERVER,
      store,
      modules,
      clock: this.clock,
      logger: this.log.logger,
      providers: [
        { provide: ServerConfig, useValue: { activationDelay: this.options.activationDelay ?? 0 } },
        { provide: ServiceIdentity, useValue: this.#identity },
      ],
      overrides: [
        { provide: Kmc, useValue: { uri: KMC, rpc: this.kmc } },
        { provide: Smf, useValue: { uri: SMF, rpc: this.smf } },
        { provide: PushRelay, useClass: SleepingRelay },
        ...overrides,
      ],
    });
    return new CskmfProcess(module);
  }

  /** Entities with a live registered key. */
  async register(...entities: readonly string[]): Promise<void> {
    await Promise.all(entities.map((entity) => this.setKey(entity)));
  }

  /** A key for an entity, live unless it is said otherwise; another than it had before. */
  async setKey(entity: string, change: Partial<Omit<KeyRecord, 'secret' | 'keyId'>> = {}): Promise<void> {
    const secret = new EntityUserKey(systemRandom.bytes(SECRET_BYTES));
    this.#keys.set(entity, new EntityUserKey(secret.expose()));
    const now = this.clock.now();
    const key: KeyRecord = {
      form: 'secret',
      state: 'live',
      user: '',
      assigner: SERVER,
      secret,
      keyId: deriveKeyId(secret),
      notAfter: now + 365 * 86_400_000,
      registeredAt: now,
      tokenId: 't',
      admittedAt: now,
      ...change,
    };
    const decide = () => ({ result: undefined, put: { key } });
    await this.#module.get(EntityRecords).transact(parseEntityUri(entity), { key: at(KEY) }, decide);
  }

  /** A gateway that enrolled, and may act unless it is said otherwise. */
  async enrol(
    entity: string,
    state: 'live' | 'revoked' = 'live',
    certificateDigest = sha256(Buffer.from(entity)),
    life = 1n,
  ): Promise<void> {
    await this.#module.get(PersonalNetworks).add(parseEntityUri(entity));
    const now = this.clock.now();
    const identity = {
      entity,
      state,
      tokenId: 't',
      admittedAt: now,
      enrolledAt: now,
      certificateDigest,
      keyDigest: sha256(Buffer.from('key')),
      notAfter: now + 86_400_000,
      ...(life > 1n && { life }),
    };
    const decide = () => ({ result: undefined, put: { identity } });
    await this.#module.get(GatewayRecords).transact(entity, { identity: at(IDENTITY) }, decide);
  }

  /** What a gateway's delivery log would have sent now, of each subject the last alone. */
  async said(to: string): Promise<DeliveryEntry[]> {
    const { entries } = await this.#module.get(GatewayLog).of(to).read(0n, 1_000);
    const newest = new Map(entries.map((entry) => [subjectOf(entry), entry]));
    const said: DeliveryEntry[] = [];
    for (const entry of newest.values())
      for await (const message of this.#module.get(DeliveryMessages).of(to, entry)) said.push(message);
    return said;
  }

  /** The Group Keys among it; there is nothing else. */
  async delivered(to: string): Promise<GatewayGroupKeyDelivery[]> {
    return (await this.said(to)).map((entry) => {
      if (entry.$case !== 'groupKey') throw new Error('the log holds something else');
      return entry.value;
    });
  }

  /** The gateway has acknowledged what is in its log. */
  async acknowledge(by: string): Promise<void> {
    const log = this.#module.get(GatewayLog).of(by);
    await log.trim((await log.read(0n, 1)).last);
  }

  /** As a member: checks the statement and opens its own envelope. @throws CpnsError whatever is wrong with either */
  receive(entity: string, delivery: GatewayGroupKeyDelivery | undefined): { groupKey: GroupKey; version: bigint } {
    const { statement, signature, chain } = checkStatement(delivery?.statement);
    new StatementVerifier({ ...this.#identity, clock: this.clock }).verify(statement, signature, chain);
    const own = delivery?.envelopes.find((envelope) => envelope.entity === entity)?.own;
    const secret = this.#keys.get(entity)!;
    const { groupId, version } = statement;
    const groupKey = openEnvelope(secret, deriveKeyId(secret), { groupId, version, entity }, own ?? Buffer.alloc(0));
    requireCommitment(groupKey, statement);
    return { groupKey, version };
  }
}
