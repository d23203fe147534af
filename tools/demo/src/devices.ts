/** The devices of the plan, each a process of its own, and what they have to show afterwards. */
import { pemToDers } from '@cpns/certificate-issuance';
import { EntityUserKey, SECRET_BYTES, duration } from '@cpns/core';
import type { Deployment, Device, DeviceResult } from '@cpns/testbed';
import { randomBytes } from 'node:crypto';
import { runLimited } from './limit';
import type { IssuedChain } from './output';
import { DEVICES, deviceUri, gatewayOf, gatewayUri, type PlannedDevice } from './plan';

/** Device processes at a time: starting one takes a processor for most of a second. */
const AT_ONCE = 3;

/** A device that ran to its end. */
export interface FinishedDevice {
  readonly planned: PlannedDevice;
  readonly device: Device;
  readonly result: DeviceResult;
}

/** Admits a device, or imports the key that it was made with (Q2), and prepares its files. */
async function prepare(deployment: Deployment, planned: PlannedDevice): Promise<Device> {
  const { assignment, user } = planned;
  const entity = deviceUri(planned);
  const gateway = gatewayUri(gatewayOf(planned.pn));
  if (assignment.by !== 'import') {
    const assigner = assignment.by === 'server' ? 'server' : gateway;
    return deployment.prepareDevice({ entity, user, gateway, assigner, form: assignment.form });
  }
  const preSharedKey = new EntityUserKey(randomBytes(SECRET_BYTES));
  await deployment.operator.importKey(entity, user, preSharedKey.expose(), duration(1, 'day'));
  return deployment.prepareDevice({ entity, user, gateway, preSharedKey: preSharedKey.expose() });
}

/** Admits all, then lets them run until each has proved its key to its gateway. */
export async function runDevices(deployment: Deployment): Promise<FinishedDevice[]> {
  const prepared = await Promise.all(
    DEVICES.map(async (planned) => ({ planned, device: await prepare(deployment, planned) })),
  );
  return runLimited(prepared, AT_ONCE, async ({ planned, device }) => ({
    planned,
    device,
    result: await device.run('proved'),
  }));
}

function chainOf({ device, result }: FinishedDevice): Buffer[] {
  if (result.chain === null) throw new Error(`the result of ${device.entity} holds no chain`);
  return pemToDers(result.chain);
}

/** The chains of those whose key is a key pair. */
export function issuedChains(finished: readonly FinishedDevice[]): IssuedChain[] {
  return finished
    .filter(({ planned }) => planned.assignment.form === 'key-pair')
    .map((one) => ({
      device: one.planned,
      gateway: one.planned.assignment.by === 'gateway' ? gatewayUri(gatewayOf(one.planned.pn)) : undefined,
      chain: chainOf(one),
    }));
}
