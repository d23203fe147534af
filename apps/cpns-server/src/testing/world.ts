/** What the specs of CSKMF begin with: a Server's store with entities and gateways in it, and a KMC that is told what to do. */
import { createDevelopmentPki, type DevelopmentPki } from '@cpns/certificate-issuance';
import {
  checkStatement,
  GroupKeyDeliveryMode,
  type CreateGroupKeyRequest,
  type DeleteGroupKeyRequest,
  type GatewayGroupKeyDelivery,
  type GetGroupKeyStatusRequest,
  type GroupDescription,
  type MemberEnvelope,
  type OpenDeliveryChannelResponse,
  type UpdateGroupKeyRequest,
} from '@cpns/contracts';
import {
  CpnsError,
  EntityUserKey,
  parseEntityUri,
  parseSubject,
  SECRET_BYTES,
  serviceUri,
  systemRandom,
  type GroupKey,
} from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { openEnvelope, requireCommitment, StatementVerifier } from '@cpns/group-key';
import { ServerCallContext, type CallContext, type Peer } from '@cpns/grpc';
import { deriveKeyId, sha256 } from '@cpns/key-derivation';
import { ServiceIdentity } from '@cpns/platform';
import { testProcess, type TestProcess } from '@cpns/platform/testing';
import { at, type Store } from '@cpns/store';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { TestingModule } from '@nestjs/testing';
import { ServerConfig } from '../config';
import { CskmfModule } from '../cskmf/cskmf.module';
import { GroupKeyManagementController } from '../cskmf/group-key-management.controller';
import { PullGroupKey } from '../cskmf/pull-group-key';
import { PushRelay } from '../cskmf/push-group-key';
import { groupAggregate } from '../cskmf/records';
import { RetireVersions } from '../cskmf/retire-versions';
import { EntityRecords, KEY, type KeyRecord } from '../entities/records';
import { GatewayLog } from '../gateway-delivery/gateway-delivery';
import { GatewayRecords, IDENTITY, PersonalNetworks } from '../gateways/records';
import { Kmc } from '../osg/osg';
import { FakeKmc } from './fake-kmc';

export const TRUST_DOMAIN = 'td.example';
export const SERVER = serviceUri(TRUST_DOMAIN, 'cpns-server');
export const SMF = serviceUri(TRUST_DOMAIN, 'smf');
export const KMC = serviceUri(TRUST_DOMAIN, 'kmc');
export const SEAL_PERIOD = 600_000;

/** E of a PNE. */
export const pne = (name: string, pnId = 'pn1'): string => `cpns://${pnId}.${TRUST_DOMAIN}/pne/${name}`;
/** E of a PN GW. */
export const gateway = (name = 'gw', pnId = 'pn1'): string => `cpns://${pnId}.${TRUST_DOMAIN}/pn-gw/${name}`;

/** `CODE/REASON` of a refusal, or what came instead. */
export const reasonOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'accepted',
    (error: unknown) => (error instanceof CpnsError ? `${error.code}/${error.reason}` : error),
  );

type PullArguments = Parameters<PullGroupKey['execute']>;

/** PullGroupKey of a gateway that may act, unless a test says otherwise. */
const pullOf = (pull: PullGroupKey) => ({
  execute: (
    request: PullArguments[0],
    gateway: PullArguments[1],
    standing: PullArguments[2] = Promise.resolve(),
  ): ReturnType<PullGroupKey['execute']> => pull.execute(request, gateway, standing),
});

/** Changes wake nothing: a test carries on what they left when it wants to. */
class SleepingRelay extends PushRelay {
  override wake(): void {
    return undefined;
  }
}

/** A call of the SMF or of a gateway. */
export function callOf(uri: string, signal = new AbortController().signal): CallContext {
  const { logger } = new MemoryLog();
  const call = new ServerCallContext({ method: '', deadline: Infinity, receivedAt: Date.now(), signal, logger });
  const isService = uri === SMF;
  const name = isService ? parseSubject(uri).name : parseEntityUri(uri);
  const role = isService ? 'service' : 'pn-gw';
  call.peer = { uri, name, role, fingerprint: sha256(Buffer.from(uri)) } as Partial<Peer> as Peer;
  return call;
}

/** The SMF's calls, each by the URI of its caller, with the status that they are answered with. */
const keysOf = (management: GroupKeyManagementController) => ({
  create: async (request: CreateGroupKeyRequest, from: string) =>
    (await management.createGroupKey(request, callOf(from))).status,
  update: async (request: UpdateGroupKeyRequest, from: string) =>
    (await management.updateGroupKey(request, callOf(from))).status,
  delete: async (request: DeleteGroupKeyRequest, from: string) =>
    (await management.deleteGroupKey(request, callOf(from))).status,
  status: async (request: GetGroupKeyStatusRequest) => (await management.getGroupKeyStatus(request)).status,
});

/** One process of the CPNS Server, as far as CSKMF goes. */
export class CskmfProcess {
  readonly keys: ReturnType<typeof keysOf>;
  readonly pull: ReturnType<typeof pullOf>;
  readonly retire: RetireVersions;
  readonly relay: PushRelay;

  constructor(readonly module: TestingModule) {
    this.keys = keysOf(module.get(GroupKeyManagementController));
    this.pull = pullOf(module.get(PullGroupKey));
    this.retire = module.get(RetireVersions);
    this.relay = module.get(PushRelay);
  }

  /** Puts what changes left into the logs of the gateways. */
  push(groupId: string): Promise<void> {
    return this.relay.drain(groupAggregate(groupId));
  }
}

/** Made once in a test process: keys take longer than all else. */
let authority: ReturnType<typeof makeAuthority> | undefined;

async function makeAuthority() {
  const pki = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN, clock: new FakeClock() });
  return { pki, credentials: await pki.issueService('cpns-server') };
}

export interface WorldOptions {
  /** Of the store as well, where something ends by itself there. */
  readonly clock?: FakeClock;
  readonly activationDelay?: number;
}

export class World {
  readonly clock: FakeClock;
  readonly kmc = new FakeKmc();
  readonly log = new MemoryLog();
  readonly verifier: StatementVerifier;
  readonly #keys = new Map<string, EntityUserKey>();
  /** Writes and reads what a test begins and ends with. */
  #module!: TestingModule;

  static async make(store: Store, options: WorldOptions = {}): Promise<World> {
    const { pki, credentials } = await (authority ??= makeAuthority());
    const { privateKey, chain } = credentials;
    const world = new World(store, options, pki, { key: privateKey.keyObject, chain });
    world.#module = (await world.process()).module;
    return world;
  }

  private constructor(
    readonly store: Store,
    private readonly options: WorldOptions,
    private readonly pki: DevelopmentPki,
    private readonly identity: Pick<ServiceIdentity, 'chain' | 'key'>,
  ) {
    this.clock = options.clock ?? new FakeClock();
    this.verifier = new StatementVerifier({ root: this.root, trustDomain: TRUST_DOMAIN, clock: this.clock });
  }

  get root(): Buffer {
    return this.pki.root.chain[0]!;
  }

  /** A process of its own over a store: nothing that another had in memory is in this one. */
  async process(
    store: Store = this.store,
    overrides: TestProcess['overrides'] = [],
    modules: TestProcess['modules'] = [CskmfModule],
  ): Promise<CskmfProcess> {
    const identity = { ...this.identity, uri: SERVER, trustDomain: TRUST_DOMAIN, root: this.root };
    const module = await testProcess({
      name: 'cpns-server',
      uri: SERVER,
      store,
      modules,
      clock: this.clock,
      logger: this.log.logger,
      providers: [
        { provide: ServerConfig, useValue: { activationDelay: this.options.activationDelay ?? 0 } },
        { provide: ServiceIdentity, useValue: identity },
      ],
      overrides: [
        { provide: Kmc, useValue: { uri: KMC, rpc: this.kmc } },
        { provide: PushRelay, useClass: SleepingRelay },
        ...overrides,
      ],
    });
    return new CskmfProcess(module);
  }

  /** Entities with a live registered key. */
  async register(...entities: readonly string[]): Promise<void> {
    for (const entity of entities) await this.setKey(entity, {});
  }

  /** A key for an entity, live unless it is said otherwise; another than it had before. */
  async setKey(entity: string, change: Partial<Pick<KeyRecord, 'state' | 'notAfter'>>): Promise<void> {
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
    await this.#module.get(EntityRecords).transact(parseEntityUri(entity), { key: at(KEY) }, () => ({
      result: undefined,
      put: { key },
    }));
  }

  /** Live keys for many. */
  async setKeys(entities: readonly string[]): Promise<void> {
    for (let from = 0; from < entities.length; from += 100)
      await Promise.all(entities.slice(from, from + 100).map((entity) => this.setKey(entity, {})));
  }

  /** A gateway that enrolled, and may act unless it is said otherwise. */
  async enrol(
    entity: string,
    state: 'live' | 'revoked' = 'live',
    certificateDigest = sha256(Buffer.from(entity)),
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
    };
    await this.#module.get(GatewayRecords).transact(entity, { identity: at(IDENTITY) }, () => ({
      result: undefined,
      put: { identity },
    }));
  }

  description(groupId: string, change: Partial<GroupDescription> = {}): GroupDescription {
    return {
      groupId,
      displayName: 'Group',
      delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL,
      sealPeriod: BigInt(SEAL_PERIOD),
      updatePeriod: 0n,
      maxMembers: 0,
      openToJoin: false,
      ...change,
    };
  }

  push(groupId: string): GroupDescription {
    return this.description(groupId, { delivery: GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH });
  }

  /** What lies in a gateway's delivery log. */
  async delivered(to: string): Promise<{ readonly entry: GatewayGroupKeyDelivery; readonly dedupeId: string }[]> {
    const log = this.#module.get(GatewayLog);
    const { entries } = await log.of(to).read(0n, 1_000);
    const opened: OpenDeliveryChannelResponse[] = [];
    for (const entry of entries) opened.push(await log.open(to, entry));
    return opened.map(({ entry }, index) => {
      if (entry?.$case !== 'groupKey') throw new Error('the log holds something else');
      return { entry: entry.value, dedupeId: entries[index]!.dedupeId };
    });
  }

  /** As a member: checks the statement and opens its own envelope. @throws CpnsError whatever is wrong with either */
  open(entity: string, delivery: GatewayGroupKeyDelivery | undefined): { groupKey: GroupKey; version: bigint } {
    const { statement, signature, chain } = checkStatement(delivery?.statement);
    this.verifier.verify(statement, signature, chain);
    const own = delivery?.envelopes.find((envelope: MemberEnvelope) => envelope.entity === entity)?.own;
    const secret = this.#keys.get(entity)!;
    const { groupId, version } = statement;
    const groupKey = openEnvelope(secret, deriveKeyId(secret), { groupId, version, entity }, own ?? Buffer.alloc(0));
    requireCommitment(groupKey, statement);
    return { groupKey, version };
  }
}
