/** One process of an SMF as its callers see it: its controllers. */
import {
  GroupKeyDeliveryMode,
  PnGatewayServiceService,
  RevocationKind,
  type GroupDescription,
  type ServiceGroup,
  type ServiceGroupNotice,
} from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import type { CallContext } from '@cpns/grpc';
import { testCall } from '@cpns/grpc/testing';
import { descriptionOf } from '@cpns/platform/testing';
import type { TestingModule } from '@nestjs/testing';
import { groupAggregate } from '../group-changes/groups';
import { GroupOutbox } from '../group-changes/execute-change';
import { NoticeLogs, SendNotice } from '../group-changes/notices';
import { MembershipController } from '../membership/membership.controller';
import { ServiceGroupController } from '../service-group/service-group.controller';
import { type FakeServer, ownProof } from './fake-server';

export const TRUST_DOMAIN = 'td.example';
/** The port, as titles have it. */
export const AT = 'SMF certificate';
export const LIMIT = 'RESOURCE_EXHAUSTED/LIMIT_REACHED members';
export const PUSH = GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH;

export const pne = (n: number, pn = 'pn1') => `cpns://${pn}.${TRUST_DOMAIN}/pne/e${n}`;
export const gatewayOf = (pn: string, n = 1) => `cpns://${pn}.${TRUST_DOMAIN}/pn-gw/gw${n}`;
export const [ANN, BOB, EVE, DAN] = [pne(1), pne(2), pne(3), pne(4)];
/** E of an entity that CSKMF says has no live key. */
export const KEYLESS = pne(9_999);

/** SHA-256 of the certificate that gateways show. */
export const CERTIFICATE = Buffer.alloc(32, 1);

export const described = (changed: Partial<GroupDescription> = {}) => descriptionOf('g1', changed);

const CALLED = {
  join: PnGatewayServiceService.joinServiceGroup,
  leave: PnGatewayServiceService.leaveServiceGroup,
} as const;

/** A gateway's request, with what the entity sent to it. */
export function relayed(event: keyof typeof CALLED, groupId: string, entity: string) {
  const { path, requestSerialize } = CALLED[event];
  const entityRequest = requestSerialize({ groupId });
  return { groupId, entity, entityRequest, entityProof: ownProof(entity, path, entityRequest) };
}

/** A call that waits for so long, milliseconds: of a gateway, or of an operator, of whom nothing is asked. */
export function within(
  milliseconds = 20_000,
  gateway = gatewayOf('pn1'),
  signal = new AbortController().signal,
): CallContext {
  const caller = { uri: gateway, name: parseEntityUri(gateway), role: 'pn-gw', fingerprint: CERTIFICATE } as const;
  return testCall({ deadline: Date.now() + milliseconds, signal }, caller);
}

/** One process of the SMF. */
export class Replica {
  readonly groups: ServiceGroupController;
  readonly members: MembershipController;

  constructor(
    readonly module: TestingModule,
    private readonly server: FakeServer,
  ) {
    this.groups = module.get(ServiceGroupController);
    this.members = module.get(MembershipController);
  }

  /** What it does behind the calls. */
  async run(): Promise<void> {
    await this.module.init();
  }

  stop(): Promise<void> {
    return this.module.close();
  }

  /** Carries out what is left to do of a group's changes. */
  drain(groupId = 'g1'): Promise<void> {
    return this.module.get(GroupOutbox).drain(groupAggregate(groupId));
  }

  async create(members: readonly string[], changed: Partial<GroupDescription> = {}, call = within()) {
    const request = { description: described(changed), members: [...members] };
    return (await this.groups.createServiceGroup(request, call)).group;
  }

  async add(members: readonly string[], call = within(), groupId = 'g1'): Promise<ServiceGroup> {
    return (await this.groups.addMembers({ groupId, members: [...members] }, call)).group;
  }

  async remove(members: readonly string[], call = within(), groupId = 'g1'): Promise<ServiceGroup> {
    return (await this.groups.removeMembers({ groupId, members: [...members] }, call)).group;
  }

  async end(call = within(), groupId = 'g1'): Promise<ServiceGroup> {
    return (await this.groups.deleteServiceGroup({ groupId }, call)).group;
  }

  async get(groupId = 'g1'): Promise<ServiceGroup> {
    return (await this.groups.getServiceGroup({ groupId })).group;
  }

  /** @param mask names of the fields that change */
  async update(mask: readonly string[], changed: Partial<GroupDescription>, expectedRevision: bigint, call = within()) {
    const request = { description: described(changed), updateMask: [...mask], expectedRevision };
    return (await this.groups.updateServiceGroup(request, call)).group;
  }

  /** Ids of the groups of an entity; with `/suspended` where it is. */
  async memberships(entity: string): Promise<string[]> {
    const request = { entity, pageSize: 0, pageToken: '' };
    const { memberships } = await this.groups.listMemberships(request);
    return memberships.map(({ groupId, suspended }) => (suspended ? `${groupId}/suspended` : groupId));
  }

  /** What the CPNS Server tells of entities' rights; each is in its first life. */
  async ends(
    kind: keyof typeof KINDS,
    entities: readonly string[],
    { call = within(), life = 1n, revision = 1n, ...change }: Partial<EndCall> = {},
  ): Promise<{ readonly names: string[]; readonly complete: boolean }> {
    const members = entities.map((entity) => ({ entity, life, revision }));
    const request = { members, kind: KINDS[kind], keepGrace: false, dryRun: false, ...change };
    const { groups, complete } = await this.members.endMemberships(request, call);
    return { names: groups!.names, complete };
  }

  list(pageSize = 0, pageToken = '') {
    return this.groups.listServiceGroups({ pageSize, pageToken });
  }

  async join(entity: string, through?: string, groupId = 'g1'): Promise<bigint> {
    const request = relayed('join', groupId, entity);
    return (await this.members.joinServiceGroup(request, this.#through(entity, through))).membershipRevision;
  }

  async leave(entity: string, through?: string, groupId = 'g1'): Promise<bigint> {
    const request = relayed('leave', groupId, entity);
    return (await this.members.leaveServiceGroup(request, this.#through(entity, through))).membershipRevision;
  }

  /** A call through a gateway that stands. */
  #through(entity: string, gateway = gatewayOf(parseEntityUri(entity).pnId)): CallContext {
    this.server.gateways.set(gateway, CERTIFICATE);
    return within(20_000, gateway);
  }

  /** A gateway opens its channel. */
  introduce(gateway: string): Promise<void> {
    return this.module.get(NoticeLogs).addGateway(parseEntityUri(gateway));
  }

  /** Everything that a gateway is told at once. */
  async all(gateway: string): Promise<ServiceGroupNotice[]> {
    const all: ServiceGroupNotice[] = [];
    for await (const { notice } of this.module.get(SendNotice).all(gateway)) all.push(notice!);
    return all;
  }
}

const KINDS = {
  revoke: RevocationKind.REVOCATION_KIND_REVOKE,
  suspend: RevocationKind.REVOCATION_KIND_SUSPEND,
  resume: RevocationKind.REVOCATION_KIND_RESUME,
} as const;

interface EndCall {
  readonly call: CallContext;
  readonly life: bigint;
  readonly revision: bigint;
  readonly keepGrace: boolean;
  readonly dryRun: boolean;
}
