/**
 * What devices ask of their PN GW, against the same calls, proofs included, at a bare grpc-js server: pulls by proof and by
 * certificate (GK-PULL steps 1, 2 and 5), and joins of members, which change nothing (SMF-GW). The gateway assigned the
 * devices' keys and holds the envelopes: no other service has a part in a pull.
 */
import { readFileSync } from 'node:fs';
import { PnGatewayServiceService } from '@cpns/contracts';
import { connectTo, type CallOptions, type ClientMethods } from '@cpns/grpc';
import type { KeyForm } from '@cpns/key-derivation';
import { admitLocally, type Deployment, type LocalDevice } from '@cpns/testing';
import { BareServer, type Answered } from './bare-server';
import { compare, type Comparison } from './compare';
import { REAL_GATEWAY, type GroupScene } from './group-scene';

const GATEWAY = `${REAL_GATEWAY.pn}/${REAL_GATEWAY.id}`;
/** Each has one call under way: the requests of one entity are taken in the order of their times. */
const DEVICES = 8;
const WARM_UP = 3;

type Rpc = ClientMethods<typeof PnGatewayServiceService>;

/** One call, by a device that is authenticated as `how` says. */
interface DeviceCall<Answer> {
  readonly name: string;
  readonly form: KeyForm;
  readonly method: Answered<Answer>;
  /** Calls of a round. */
  readonly batch: number;
  readonly make: (rpc: Rpc, groupId: string, how: CallOptions) => Promise<Answer>;
}

const { pullGroupKey, joinServiceGroup } = PnGatewayServiceService;
const pullBy = (form: KeyForm, name: string) => ({
  name,
  form,
  method: pullGroupKey,
  batch: 200,
  make: (rpc: Rpc, groupId: string, how: CallOptions) => rpc.pullGroupKey({ groupId, version: 0n }, how),
});
const JOIN = {
  name: 'JoinServiceGroup of a member',
  form: 'secret' as const,
  method: joinServiceGroup,
  batch: 100,
  make: (rpc: Rpc, groupId: string, how: CallOptions) => rpc.joinServiceGroup({ groupId }, how),
};

/** One pull. */
export const pulling = ({ device }: LocalDevice, groupId: string) =>
  device.call((rpc, how) => rpc.pullGroupKey({ groupId, version: 0n }, how));

/** A device with a live key of the gateway. @param n tells it from others with a key of this form */
export async function liveDevice(deployment: Deployment, form: KeyForm, n: number): Promise<LocalDevice> {
  const entity = deployment.entity(REAL_GATEWAY.pn, 'pne', `${form}-${n}`);
  const admitted = await admitLocally(deployment, { entity, form, assigner: GATEWAY, gateway: GATEWAY });
  return admitted.local.enrol(admitted.oneTimeString);
}
export const liveDevices = (deployment: Deployment, form: KeyForm): Promise<readonly LocalDevice[]> =>
  Promise.all(Array.from({ length: DEVICES }, (_, n) => liveDevice(deployment, form, n)));

async function benchCall<Answer>(
  { deployment, storeName, rounds }: GroupScene,
  devices: readonly LocalDevice[],
  groupId: string,
  { name, form, method, batch, make }: DeviceCall<Answer>,
): Promise<Comparison> {
  const [first] = devices;
  if (first === undefined) throw new Error('there are devices');
  const sample = await first.device.call((rpc, how) => make(rpc, groupId, how));
  const echo = await BareServer.start(deployment, method, sample, { mutual: form === 'key-pair' });
  const { root, operator } = deployment.pki;
  const certificate = { cert: readFileSync(operator.chain), key: readFileSync(operator.key) };
  const bare = connectTo({
    address: echo.address,
    expectedPeer: deployment.uri('cpns-server'),
    tls: { root: readFileSync(root), ...(form === 'key-pair' && certificate) },
  });
  const inTurn = (call: (device: LocalDevice) => Promise<unknown>) => (count: number) =>
    Promise.all(
      devices.map(async (device) => {
        for (let n = 0; n < count / DEVICES; n += 1) await call(device);
      }),
    );
  const client = bare.client(PnGatewayServiceService);
  const services = name.startsWith('Join') ? ['smf', 'cpns-server'] : [];
  const processes = Object.fromEntries([GATEWAY, ...services].map((service) => [service, deployment.pid(service)]));
  try {
    return await compare(
      {
        name: `${name} at its PN GW, ${storeName} Server, ${DEVICES} devices`,
        unit: 'calls/s',
        rounds,
        batch,
        warmUp: WARM_UP,
        processes,
      },
      inTurn(({ device }) => device.call((rpc, how) => make(rpc, groupId, how))),
      inTurn(({ device }) => device.call((_rpc, how) => make(client, groupId, how))),
    );
  } finally {
    bare.close();
    await echo.stop();
  }
}

export async function benchDeviceCalls(scene: GroupScene): Promise<Comparison[]> {
  const { deployment } = scene;
  const results: Comparison[] = [];
  for (const form of ['secret', 'key-pair'] as const) {
    const devices = await liveDevices(deployment, form);
    const groupId = `bench-device-${form}`;
    const members = devices.map(({ device }) => device.status.entity);
    await deployment.operator.groups.createGroup({ groupId, delivery: 'pull', openToJoin: true, members });
    const calls =
      form === 'secret' ? [pullBy(form, 'PullGroupKey by proof')] : [pullBy(form, 'PullGroupKey by certificate')];
    for (const call of calls) results.push(await benchCall(scene, devices, groupId, call));
    if (form === 'secret') results.push(await benchCall(scene, devices, groupId, JOIN));
    for (const device of devices) await device.close();
  }
  return results;
}
