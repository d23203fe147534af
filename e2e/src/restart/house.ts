/**
 * Looks into the stores of running services from outside: what each of them keeps of one Service Group.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CpnsError } from '@cpns/core';
import { OUTBOX } from '@cpns/delivery';
import { deriveGroupKeyCommitment, type Statement } from '@cpns/group-key';
import type { KeyForm } from '@cpns/key-derivation';
import { type Aggregate, at, openRecords, type Records, type Store } from '@cpns/store';
import {
  Deployment,
  type Device,
  type DeviceCommand,
  type DeviceSession,
  FaultControl,
  lookIntoStore,
  retried,
  waitUntil,
  admitLocally,
  type AdmittedDevice,
} from '@cpns/testing';
import * as cskmf from '../../../apps/cpns-server/src/cskmf/records';
import * as kmc from '../../../apps/kmc/src/kmc/kmc.controller';
import * as held from '../../../apps/pn-gw/src/cskmf/envelopes';
import { CURRENT_SEED, SEED_REQUEST } from '../../../apps/pn-gw/src/provisioning/first-seeds';
import { GATEWAY_CA, NEXT_CA } from '../../../apps/pn-gw/src/provisioning/gateway-ca';
import { PROVISIONING_AGGREGATE } from '../../../apps/pn-gw/src/provisioning/in-force';
import * as noticed from '../../../apps/pn-gw/src/service-group/known-groups';
import * as smf from '../../../apps/smf/src/group-changes/groups';
import { DEVICE, GATEWAY, GATEWAYS, KMC, MAIN_GATEWAY, OTHER_GATEWAY, PN, SERVER, SMF } from './due';

const MEMBERS_MAX = 1_000;

/** The aggregate of a group at a service of the Server side, its record of a change, and its log for each gateway. */
const SERVER_SIDE = [
  { name: SMF, aggregate: smf.groupAggregate, pending: smf.PENDING.name, log: 'notices' },
  { name: SERVER, aggregate: cskmf.groupAggregate, pending: cskmf.PENDING.name, log: 'delivery' },
] as const;

class Sight {
  constructor(private readonly deployment: Deployment) {}

  /** Everything of the group that is still on its way, in words. */
  async underWay(groupId: string): Promise<string[]> {
    const atServices = SERVER_SIDE.map(({ name, aggregate, pending, log }) =>
      this.#into(name, async (_, store) => {
        const group = aggregate(groupId);
        const left = await logged(store, group, OUTBOX);
        if ((await store.read(group, [pending])).has(pending)) left.push(pending);
        for (const to of GATEWAYS)
          left.push(...(await logged(store, { kind: 'gateway', id: this.deployment.uri(to) }, log, to)));
        return left.map((what) => `${name}: ${what}`);
      }),
    );
    const atGateways = GATEWAYS.map((name) =>
      this.#into(name, async (records, store) => {
        const left = await logged(store, noticed.groupAggregate(groupId), OUTBOX);
        const { index } = await records.read(held.HELD_AGGREGATE, { index: at(held.HELD_INDEX) });
        if (index?.entries.some((one) => one.groupId === groupId) === true) left.push('a push waits');
        return left.map((what) => `${name}: ${what}`);
      }),
    );
    return (await Promise.all([...atServices, ...atGateways])).flat();
  }

  /** Those that the KMC has, from the first on, and one that it must not have if it does. */
  async kmcVersions(groupId: string, upTo: bigint): Promise<readonly kmc.VersionRecord[]> {
    const names = Array.from({ length: Number(upTo) + 2 }, (_, index) => kmc.versionName(BigInt(index + 1)));
    const wanted = Object.fromEntries(names.map((name) => [name, at(kmc.VERSION, name)]));
    const found = await this.#into(KMC, (records) => records.read(kmc.keyAggregate(groupId), wanted));
    return names.flatMap((name) => found[name] ?? []);
  }

  /** Each version that the Server gives, with its GKC. */
  async stated(groupId: string): Promise<readonly Pick<Statement, 'version' | 'commitment'>[]> {
    const wanted = { head: at(cskmf.GROUP) };
    const { head } = await this.#into(SERVER, (records) => records.read(cskmf.groupAggregate(groupId), wanted));
    return head?.versions ?? [];
  }

  /** What a gateway keeps of a group. @returns undefined for a gateway that has not heard of it */
  gateway(name: string, groupId: string) {
    const group = noticed.groupAggregate(groupId);
    return this.#into(name, async (records, store) => {
      const wanted = { notice: at(noticed.NOTICE), statements: at(noticed.STATEMENTS) };
      const { notice, statements } = await records.read(group, wanted);
      return (
        notice && {
          revision: notice.membershipRevision,
          deleted: notice.deleted,
          /** The version of each notice, in the order in which they came; the last four. */
          noticed: notice.noticed.map(({ version }) => version),
          statements: statements?.known ?? [],
          members: (await store.members(group, noticed.MEMBERS_SET, undefined, MEMBERS_MAX)).items,
        }
      );
    });
  }

  #into<T>(name: string, look: (records: Records, store: Store) => Promise<T>): Promise<T> {
    const service = name.includes('/') ? 'pn-gw' : name;
    const masterKeyFile = this.deployment.masterKeyFile(name);
    return lookIntoStore(this.deployment.storeUrl(name), async (store) =>
      look(await openRecords({ store, service, masterKeyFile }), store),
    );
  }
}

async function logged(store: Store, aggregate: Aggregate, log: string, to = ''): Promise<string[]> {
  const { entries } = await store.readLog(aggregate, log, 0n, MEMBERS_MAX);
  return entries.map(({ dedupeId }) => `${log} ${to} ${dedupeId}`);
}

/** What dies, as plans call it. */
const MORTAL = [SERVER, KMC, SMF, GATEWAY, DEVICE];

/** How long the parts of a flow wait for each other while one of them is being started again, milliseconds. */
export const PATIENCE_MS = 60_000;

/** The devices in this process, by what they are in the flows, and the gateway that each is behind. */
export const GATEWAY_OF = { stayer: MAIN_GATEWAY, mover: MAIN_GATEWAY, afar: OTHER_GATEWAY } as const;
export type Part = keyof typeof GATEWAY_OF;

/** What a gateway, or the Server behind it, says while it is away. */
const PASSING = ['DEPENDENCY_UNAVAILABLE', 'DEADLINE', 'CONFLICT'];

/** Repeats what a service that is down cannot answer. @throws what is no UNAVAILABLE, and that too after {@link PATIENCE_MS} */
export async function persistently<T>(call: () => Promise<T>): Promise<T> {
  return (await retried(call, { isPassing: ({ code }) => code === 'UNAVAILABLE', withinMs: PATIENCE_MS })).value;
}

/** Looks again until the answer is there. @throws Error after {@link PATIENCE_MS} */
export const eventually = (what: string | (() => string), look: () => boolean | Promise<boolean>) =>
  waitUntil(what, () => persistently(async () => look()), { withinMs: PATIENCE_MS });

/**
 * One deployment whose processes can be made to die at a commit, and devices behind two gateways that are members of one
 * fresh group after the other.
 */
export class House {
  readonly sight: Sight;
  /** How many (E, user) a gateway's 1st seed must have served by now, by its name. */
  readonly served = new Map<string, number>();
  /** Devices in this process that watch all the time. */
  readonly members = {} as Record<Part, AdmittedDevice>;
  /** The member that is a process of its own, and may be killed. */
  device!: Device;
  #session!: DeviceSession;
  #names = 0;

  private constructor(
    readonly deployment: Deployment,
    readonly faults: FaultControl,
  ) {
    this.sight = new Sight(deployment);
  }

  /**
   * @param services of the Server side, besides the CPNS Server
   * @param redis URL, where the Server side is on Redis
   */
  static async start(services: readonly ('kmc' | 'smf')[], redis: string | undefined): Promise<House> {
    const faults = new FaultControl(mkdtempSync(join(tmpdir(), 'cpns-restart-')));
    const env = Object.fromEntries([...MORTAL, OTHER_GATEWAY].map((name) => [name, faults.env(name)]));
    const deployment = await Deployment.start({
      gateways: [PN, 'pn2'].map((pn) => ({ pn, id: 'gw1' })),
      services,
      store: redis === undefined ? 'embedded' : { redis },
      env: { ...env, [DEVICE]: { ...env[DEVICE], CPNS_WAIT_FOR_SERVER: `${PATIENCE_MS / 1000}s` } },
      nodeOptions: Object.fromEntries(MORTAL.map((name) => [name, faults.nodeOptions])),
    });
    return new House(deployment, faults);
  }

  /** Gives the gateways their seeds, and the members their keys. */
  async provision(): Promise<void> {
    await provisioned(this.deployment, MAIN_GATEWAY);
    for (const part of Object.keys(GATEWAY_OF)) await this.#admit(part as Part);
    this.device = await this.deployment.prepareDevice(this.newDevice('secret', 'server'));
    await this.openDevice();
  }

  async #admit(part: Part): Promise<void> {
    const gateway = GATEWAY_OF[part];
    const entity = this.deployment.entity(gateway.slice(0, 3), 'pne', this.newId(part));
    const member = await admitLocally(this.deployment, { entity, form: 'secret', assigner: 'server', gateway });
    (await member.local.enrol(member.oneTimeString, PATIENCE_MS)).watch();
    this.members[part] = member;
  }

  /** Another device in the place of one whose key may have ended. */
  async renew(part: Part): Promise<void> {
    await closed(this.members[part]);
    await this.#admit(part);
  }

  get groups() {
    return this.deployment.operator.groups;
  }

  /** An id that no entity has yet. */
  newId(prefix: string): string {
    return `${prefix}-${++this.#names}`;
  }

  /** How a new device is admitted. */
  newDevice(form: KeyForm, assigner: string, gateway: string = MAIN_GATEWAY, pn: string = PN) {
    return { entity: this.deployment.entity(pn, 'pne', this.newId('pne')), form, assigner, gateway };
  }

  /** A key that this gateway assigned as a secret was registered. @param gateway its name */
  countRegistered(gateway: string): void {
    this.served.set(gateway, (this.served.get(gateway) ?? 0) + 1);
  }

  /** Starts the {@link device}. The command that its death interrupted is the first that it does; nothing reads the answer. */
  async openDevice(): Promise<void> {
    this.#session = await this.device.open();
  }

  /** Has the {@link device} do something until it is done. @throws Error with the reason of a refusal that is not passing */
  tell<C extends DeviceCommand>(command: C) {
    const ask = async () => {
      const answer = await this.#session.command(command);
      if (answer.ok) return answer;
      if (PASSING.includes(answer.reason)) return undefined;
      throw new Error(`the device was refused ${command.command}: ${answer.reason}: ${answer.message}`);
    };
    return waitUntil(`an answer to ${command.command}`, ask, { withinMs: PATIENCE_MS });
  }

  /**
   * GKC of a version wherever it can be seen, in hex: the KMC's key, the Server, the gateways, and every delivery to a
   * device here.
   */
  async commitments(groupId: string, version: bigint): Promise<ReadonlySet<string>> {
    const all = [...(await this.sight.stated(groupId))];
    for (const gateway of GATEWAYS)
      for (const { statement } of (await this.sight.gateway(gateway, groupId))?.statements ?? []) all.push(statement);
    for (const { statement } of Object.values(this.members).flatMap(({ local }) => local.deliveries))
      if (statement?.groupId === groupId && statement.commitment.length > 0) all.push(statement);
    for (const { version: one, groupKey } of await this.sight.kmcVersions(groupId, version))
      if (groupKey !== undefined)
        all.push({ version: one, commitment: deriveGroupKeyCommitment(groupKey, groupId, version) });
    return new Set(all.filter((one) => one.version === version).map(({ commitment }) => commitment.toString('hex')));
  }

  async stop(): Promise<void> {
    try {
      for (const member of Object.values(this.members)) await closed(member);
    } finally {
      await this.deployment.stop();
      rmSync(this.faults.directory, { recursive: true, force: true });
    }
  }
}

/** @throws Error with what its watch ended with, unless its key was revoked */
const closed = ({ local }: AdmittedDevice): Promise<void> =>
  local.close().catch((error: unknown) => {
    const { cause } = error as Error;
    if (!(cause instanceof CpnsError) || cause.reason !== 'KEY_REVOKED') throw error;
  });

/** Resolves when a gateway has its 1st seed and its CA certificate, and asks for nothing. @param gateway its name */
export const provisioned = (deployment: Deployment, gateway: string) =>
  eventually(`the provisioning of ${gateway}`, () =>
    lookIntoStore(deployment.storeUrl(gateway), async (store) => {
      const held = [CURRENT_SEED.name, GATEWAY_CA.name];
      const asked = [SEED_REQUEST.name, NEXT_CA];
      const found = await store.read(PROVISIONING_AGGREGATE, [...held, ...asked]);
      return held.every((name) => found.has(name)) && !asked.some((name) => found.has(name));
    }),
  );
