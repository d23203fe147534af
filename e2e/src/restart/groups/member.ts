import type { GroupKeyDelivery } from '@cpns/contracts';
import type { Deployment } from '@cpns/testing';
import { join } from 'node:path';
import { LocalDevice } from '../../support/local-device';
import { PATIENCE_MS } from '../house';

export interface MemberOptions {
  readonly id: string;
  readonly pn: string;
  /** Name of its gateway. */
  readonly gateway: string;
  readonly onDelivery: (delivery: GroupKeyDelivery) => void;
}

/** A device in this process, which watches all the time. */
export interface Member {
  /** E */
  readonly entity: string;
  readonly gateway: string;
  readonly local: LocalDevice;
}

export async function provisionMember(deployment: Deployment, options: MemberOptions): Promise<Member> {
  const { id, pn, gateway, onDelivery } = options;
  const entity = deployment.entity(pn, 'pne', id);
  const { oneTimeString } = await deployment.admit({ entity, form: 'secret', assigner: 'server', gateway });
  const address = deployment.address(gateway, 'certificate');
  const directory = join(deployment.directory, 'members', id);
  const local = await LocalDevice.create(directory, address, { onGroupKeyDelivery: onDelivery });
  return { entity, gateway, local: (await local.enrol(oneTimeString, PATIENCE_MS)).watch() };
}
