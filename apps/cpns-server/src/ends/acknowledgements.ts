import { backoffAfter, duration, parseEntityUri } from '@cpns/core';
import { PersonalNetworks } from '@cpns/platform';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayLog, subjectNamed } from '../gateway-log/gateway-log';
import { GatewayRecords } from '../gateways/records';
import type { Facts } from './scope';

/** How long gateways that are connected are waited for, milliseconds. */
const PATIENCE = duration(1, 'second');
/** Waits between two looks at a log, milliseconds. */
const BACKOFF = { first: 20, longest: 200 };

/** Subjects of the entries that gateways have to acknowledge, by the pn-id of their networks. */
export type Subjects = ReadonlyMap<string, ReadonlySet<string>>;

/** What the gateways of their networks hear of ended entities. */
export function subjectsOf(ended: readonly Facts[]): Subjects {
  const subjects = new Map<string, Set<string>>();
  for (const { entity, revoked } of ended) {
    const ofNetwork = subjects.get(entity.pnId) ?? new Set();
    subjects.set(entity.pnId, ofNetwork);
    ofNetwork.add(subjectNamed({ kind: 'credential', name: entity.uri }));
    for (const name of revoked) ofNetwork.add(subjectNamed({ kind: 'token', name }));
  }
  return subjects;
}

/** What the gateways of its network hear of an ended gateway. */
export const assignerSubject = (gateway: string): Subjects =>
  new Map([[parseEntityUri(gateway).pnId, new Set([subjectNamed({ kind: 'assigner', name: gateway })])]]);

/** Which gateways have not acknowledged what they were told. */
@Injectable()
export class Acknowledgements {
  constructor(
    private readonly networks: PersonalNetworks,
    private readonly gateways: GatewayRecords,
    private readonly log: GatewayLog,
  ) {}

  /**
   * Waits a second at most, and for none that is not connected.
   * @returns E of each gateway that may act and has one of these entries in its log still
   */
  async waitingFor(subjects: Subjects): Promise<readonly string[]> {
    const ofNetworks = [...subjects].map(async ([pnId, ofNetwork]) => {
      const gateways = await this.networks.gatewaysOf(pnId);
      return Promise.all(gateways.map((gateway) => this.wait(gateway, ofNetwork)));
    });
    return (await Promise.all(ofNetworks)).flat(2);
  }

  private async wait(gateway: string, subjects: ReadonlySet<string>): Promise<readonly string[]> {
    if ((await this.gateways.identityOf(gateway))?.state !== 'live') return [];
    const until = Date.now() + PATIENCE;
    for (let looks = 1; await this.log.holds(gateway, subjects); looks += 1) {
      if (Date.now() >= until || !(await this.log.isConnected(gateway))) return [gateway];
      await sleep(backoffAfter(BACKOFF, looks));
    }
    return [];
  }
}
