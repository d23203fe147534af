/** What the specs of CSKMF begin with: a Server's store with entities and gateways in it, and a KMC that is told what to do. */
import { createPrivateKey } from 'node:crypto';
import { createDevelopmentPki, type DevelopmentPki } from '@cpns/certificate-issuance';
import {
  GroupKeyDeliveryMode,
  type OpenDeliveryChannelResponse,
  type GatewayGroupKeyDelivery,
  type GroupDescription,
  type MemberEnvelope,
  checkStatement,
} from '@cpns/contracts';
import {
  CpnsError,
  EntityUserKey,
  SECRET_BYTES,
  systemRandom,
  type GroupKey,
  parseEntityUri,
  serviceUri,
} from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { OutboxRelay } from '@cpns/delivery';
import { openEnvelope, requireCommitment, StatementVerifier } from '@cpns/group-key';
import { deriveKeyId, sha256 } from '@cpns/key-derivation';
import { at, Records, Sealer, type Store } from '@cpns/store';
import { FakeMasterKey } from '@cpns/store/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { ServerContext } from '../context';
import type { CskmfContext } from '../cskmf/context';
import { CreateGroupKey } from '../cskmf/create-group-key/create-group-key';
import { DeleteGroupKey } from '../cskmf/delete-group-key/delete-group-key';
import { openEntry } from '../cskmf/gateway-log';
import { GetGroupKeyStatus } from '../cskmf/get-group-key-status/get-group-key-status';
import { PullGroupKey } from '../cskmf/pull-group-key/pull-group-key';
import { PushGroupKey } from '../cskmf/push-group-key/push-group-key';
import { RetireVersions } from '../cskmf/retire-versions/retire-versions';
import { SignedStatements } from '../cskmf/signed-statements';
import { UpdateGroupKey } from '../cskmf/update-group-key/update-group-key';
import { Osg } from '../osg/osg';
import { entityAggregate, KEY, type KeyRecord } from '../records/entity-records';
import { DELIVERY_LOG, gatewayAggregate, IDENTITY } from '../records/gateway-records';
import { GROUP_KIND, groupAggregate } from '../records/group-records';
import { addToPn } from '../records/pn-records';
import { RecentRecords } from '../records/recent-records';
import { FakeKmc } from './fake-kmc';

export const TRUST_DOMAIN = 'td.example';
export const SERVER = serviceUri(TRUST_DOMAIN, 'cpns-server');
export const SMF = serviceUri(TRUST_DOMAIN, 'smf');
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
export interface Pull {
  execute(
    request: PullArguments[0],
    gateway: PullArguments[1],
    standing?: PullArguments[2],
  ): ReturnType<PullGroupKey['execute']>;
}

export const pullOf = (pull: PullGroupKey): Pull => ({
  execute: (request, gateway, standing = Promise.resolve()) => pull.execute(request, gateway, standing),
});

/** One process of the CPNS Server, as far as CSKMF goes. */
export class CskmfProcess {
  readonly create: CreateGroupKey;
  readonly update: UpdateGroupKey;
  readonly delete: DeleteGroupKey;
  readonly status: GetGroupKeyStatus;
  readonly pull: Pull;
  readonly retire: RetireVersions;
  readonly relay: OutboxRelay;

  constructor(readonly context: CskmfContext) {
    this.create = new CreateGroupKey(context);
    this.update = new UpdateGroupKey(context);
    this.delete = new DeleteGroupKey(context);
    this.status = new GetGroupKeyStatus(context);
    this.pull = pullOf(new PullGroupKey(context));
    this.retire = new RetireVersions(context);
    const push = new PushGroupKey(context);
    this.relay = new OutboxRelay({
      store: context.server.store,
      kind: GROUP_KIND,
      carry: (group, entry) => push.carry(group, entry),
      onFailure: () => undefined,
    });
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

  static async make(store: Store, options: WorldOptions = {}): Promise<World> {
    const { pki, credentials } = await (authority ??= makeAuthority());
    const sealer = await Sealer.open({ store, service: 'cpns-server', masterKey: new FakeMasterKey() });
    const key = createPrivateKey({ key: credentials.privateKey.expose(), format: 'der', type: 'pkcs8' });
    return new World(store, options, pki, sealer, { key, chain: credentials.chain });
  }

  private constructor(
    readonly store: Store,
    private readonly options: WorldOptions,
    private readonly pki: DevelopmentPki,
    private readonly sealer: Sealer,
    private readonly identity: Pick<ServerContext, 'chain'> & { readonly key: ServerContext['signingKey'] },
  ) {
    this.clock = options.clock ?? new FakeClock();
    this.verifier = new StatementVerifier({ root: this.root, trustDomain: TRUST_DOMAIN, clock: this.clock });
  }

  get root(): Buffer {
    return this.pki.root.chain[0]!;
  }

  /** A process of its own over a store: nothing that another had in memory is in this one. */
  process(store: Store = this.store): CskmfProcess {
    const server = this.#server(store);
    const osg = new Osg({ uri: SERVER, kmcUri: serviceUri(TRUST_DOMAIN, 'kmc'), kmc: this.kmc, clock: this.clock });
    return new CskmfProcess({
      server,
      osg,
      statements: new SignedStatements(server),
      activationDelay: this.options.activationDelay ?? 0,
      wakeRelay: () => undefined,
      logger: this.log.logger,
    });
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
    await this.#records.transact(entityAggregate(parseEntityUri(entity)), { key: at(KEY) }, () => ({
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
  async enrol(entity: string, state: 'live' | 'revoked' = 'live'): Promise<void> {
    await addToPn(this.store, parseEntityUri(entity));
    const now = this.clock.now();
    const identity = {
      entity,
      state,
      tokenId: 't',
      admittedAt: now,
      enrolledAt: now,
      certificateDigest: sha256(Buffer.from(entity)),
      keyDigest: sha256(Buffer.from('key')),
      notAfter: now + 86_400_000,
    };
    await this.#records.transact(gatewayAggregate(entity), { identity: at(IDENTITY) }, () => ({
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
    const server = this.#server(this.store);
    const { entries } = await this.store.readLog(gatewayAggregate(to), DELIVERY_LOG, 0n, 1_000);
    const opened: OpenDeliveryChannelResponse[] = [];
    for (const entry of entries) opened.push(await openEntry(server, to, entry));
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

  get #records(): Records {
    return new Records(this.store, this.sealer);
  }

  #server(store: Store): ServerContext {
    const records = new Records(store, this.sealer);
    return {
      uri: SERVER,
      trustDomain: TRUST_DOMAIN,
      clock: this.clock,
      random: systemRandom,
      store,
      records,
      recent: new RecentRecords(store, records),
      limits: {
        keyLifetime: 0,
        identityLifetime: 0,
        gatewayCaLifetime: 0,
        firstSeedAssignFor: 0,
        firstSeedRegisterFor: 0,
        firstSeedMaxEntities: 0,
      },
      issuingCa: this.pki.issuingCa.issuer,
      entityCa: this.pki.serverEntityCa.issuer,
      root: this.root,
      signingKey: this.identity.key,
      chain: this.identity.chain,
    };
  }
}
