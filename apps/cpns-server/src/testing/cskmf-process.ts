/** One process of the CPNS Server as the SMF and gateways call it in specs, and the names there. */
import {
  GroupKeyDeliveryMode,
  NO_PAGE,
  type GetGroupKeyStatusRequest,
  type GroupDescription,
  type GroupKeyDeliveryServicePullGroupKeyRequest,
} from '@cpns/contracts';
import { parseEntityUri, parseSubject, serviceUri } from '@cpns/core';
import { testCall } from '@cpns/grpc/testing';
import { sha256 } from '@cpns/key-derivation';
import { descriptionOf } from '@cpns/platform/testing';
import type { TestingModule } from '@nestjs/testing';
import { GroupKeyLoop } from '../cskmf/group-key-loop';
import { GroupKeyManagementController } from '../cskmf/group-key-management.controller';
import { PullGroupKeyController } from '../cskmf/pull-group-key';
import { PushRelay } from '../cskmf/push-group-key';
import { groupAggregate } from '../cskmf/records';
import { RetireVersions } from '../cskmf/retire-versions';

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
