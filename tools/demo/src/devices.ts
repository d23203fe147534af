/** The devices of the plan, each a process of its own that stays for commands, and what they have to show. */
import { pemToDers } from '@cpns/certificate-issuance';
import { EntityUserKey, SECRET_BYTES, duration, inChunks } from '@cpns/core';
import type { Device, DeviceResult, DeviceSession } from '@cpns/testing';
import { randomBytes } from 'node:crypto';
import type { House } from './house';
import type { IssuedChain } from './output';
import { deviceUri, gatewayOf, gatewayUri, type Plan, type PlannedDevice } from './plan';

/** Devices that start at a time: starting one takes a processor for most of a second. */
const AT_ONCE = 3;

/** A machine that starts everything at once may keep a device waiting. */
const PATIENT = { CPNS_WAIT_FOR_SERVER: '30s' };

/** A device that has proved its key, and waits for commands. */
export interface RunningDevice {
  readonly planned: PlannedDevice;
  readonly result: DeviceResult;
  readonly session: DeviceSession;
}

/** Admits a device, or imports the key that it was made with (Q2), and prepares its files. */
async function prepare(house: House, planned: PlannedDevice): Promise<Device> {
  const { assignment, user } = planned;
  const entity = deviceUri(planned);
  const gateway = gatewayUri(gatewayOf(planned.pn));
  if (assignment.by !== 'import') {
    const assigner = assignment.by === 'server' ? 'server' : gateway;
    return house.prepareDevice({ entity, user, gateway, assigner, form: assignment.form, env: PATIENT });
  }
  const preSharedKey = new EntityUserKey(randomBytes(SECRET_BYTES));
  await house.operator.importKey(entity, user, preSharedKey.expose(), duration(1, 'day'));
  return house.prepareDevice({ entity, user, gateway, preSharedKey: preSharedKey.expose(), env: PATIENT });
}

/** Admits all, then starts them, until each has proved its key to its gateway. */
export async function openDevices(house: House, { devices }: Plan): Promise<RunningDevice[]> {
  const prepared = await Promise.all(
    devices.map(async (planned) => ({ planned, device: await prepare(house, planned) })),
  );
  const open = async ({ planned, device }: (typeof prepared)[number]) => {
    const session = await device.open();
    return { planned, session, result: device.result() };
  };
  const running: RunningDevice[] = [];
  for (const some of inChunks(prepared, AT_ONCE)) running.push(...(await Promise.all(some.map(open))));
  return running;
}

function chainOf({ result }: RunningDevice): Buffer[] {
  if (result.chain === null) throw new Error(`the result of ${result.entity} holds no chain`);
  return pemToDers(result.chain);
}

/** The chains of those whose key is a key pair. */
export function issuedChains(devices: readonly RunningDevice[]): IssuedChain[] {
  return devices
    .filter(({ planned }) => planned.assignment.form === 'key-pair')
    .map((one) => ({
      device: one.planned,
      gateway: one.planned.assignment.by === 'gateway' ? gatewayUri(gatewayOf(one.planned.pn)) : undefined,
      chain: chainOf(one),
    }));
}
