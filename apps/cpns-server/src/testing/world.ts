/** What the specs of CSKMF begin with: a Server's store with entities and gateways in it, and a KMC that is told what to do. */
import { createDevelopmentPki } from '@cpns/certificate-issuance';
import { checkStatement, type GatewayGroupKeyDelivery } from '@cpns/contracts';
import { EntityUserKey, parseEntityUri, SECRET_BYTES, systemRandom, type GroupKey } from '@cpns/core';
import { FakeClock, type Opened } from '@cpns/core/testing';
import { openEnvelope, requireCommitment, StatementVerifier } from '@cpns/group-key';
import { deriveKeyId, sha256 } from '@cpns/key-derivation';
import { PersonalNetworks, ServiceIdentity } from '@cpns/platform';
import { testProcess, type TestProcess } from '@cpns/platform/testing';
import { at, type Store } from '@cpns/store';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { TestingModule } from '@nestjs/testing';
import { ServerConfig } from '../config';
import { CskmfModule } from '../cskmf/cskmf.module';
import { PushRelay } from '../cskmf/push-group-key';
import { EntityRecords, KEY, type KeyRecord } from '../entities/records';
import { DeliveryMessages, type DeliveryEntry } from '../gateway-delivery/delivery-messages';
import { GatewayDeliveryModule } from '../gateway-delivery/gateway-delivery.module';
import { GatewayLog, subjectOf } from '../gateway-log/gateway-log';
import { GatewayRecords, IDENTITY } from '../gateways/records';
import { Kmc } from '../osg/osg';
import { Smf } from '../smf/smf';
import { CskmfProcess, KMC, SERVER, SMF, TRUST_DOMAIN } from './cskmf-process';
import { FakeKmc } from './fake-kmc';
import { FakeSmf } from './fake-smf';

export * from './cskmf-process';

/** Changes wake nothing: a test carries on what they left when it wants to. */
class SleepingRelay extends PushRelay {
  override wake(): void {
    return undefined;
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
