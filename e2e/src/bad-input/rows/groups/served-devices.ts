/** Devices of the SDK in this process, behind a gateway whose keys the suite holds: their stores are watched as all others are. */
import { LocalDevice } from '@cpns/testing';
import {
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  NO_PAGE,
  PnGatewayServiceService,
  type GroupKeyDelivery,
} from '@cpns/contracts';
import { connectTo, createServerPort, implement, type Handlers } from '@cpns/grpc';
import { keyIdBytes, parseProof } from '@cpns/key-derivation';
import { createLogger } from '@cpns/telemetry';
import { join } from 'node:path';
import type { World } from '../../world';

const { assignEntityUserKey, registerEntityUserKey, pullGroupKey } = PnGatewayServiceService;
const SERVED = { assignEntityUserKey, registerEntityUserKey, pullGroupKey };

/** What the gateway answers a pull with, given a way to what it should answer. */
export type Tamper = (honest: () => Promise<GroupKeyDelivery>) => GroupKeyDelivery | Promise<GroupKeyDelivery>;

/** The gateway relays what devices call as any does, until a row has it do otherwise. */
const served = (world: World) =>
  world.once('served gateway', async () => {
    const { tls } = world.probe;
    const server = connectTo({ address: world.address('Server certificate'), expectedPeer: world.serverUri, tls });
    const keys = server.client(EntityUserKeyServiceService);
    /** By E of the device that pulls. */
    const tampers = new Map<string, Tamper>();
    /** The Server's statement as it is, and the member's own envelope. */
    const honest = async (groupId: string, entity: string, version: bigint): Promise<GroupKeyDelivery> => {
      const deliveries = server.client(GroupKeyDeliveryServiceService);
      const { delivery } = await deliveries.pullGroupKey({ groupId, version, entity, ...NO_PAGE });
      const own = delivery?.envelopes.find((envelope) => envelope.entity === entity)?.own ?? Buffer.alloc(0);
      return { statement: delivery?.statement, own, shared: Buffer.alloc(0) };
    };
    const handlers: Handlers<typeof SERVED> = {
      assignEntityUserKey: async ({ request }, { method }) => ({
        ...(await keys.assignEntityUserKey({ request, method })),
        certificatePort: 0,
      }),
      registerEntityUserKey: async ({ request }) => ({
        ...(await keys.registerEntityUserKey({ request })),
        certificatePort: 0,
      }),
      pullGroupKey: async ({ groupId, version }, call) => {
        const { entity } = call.requireEntity();
        const newest = () => honest(groupId, entity, version);
        return { delivery: await (tampers.get(entity)?.(newest) ?? newest()) };
      },
    };
    const port = createServerPort({
      clients: 'none',
      listen: '127.0.0.1:0',
      tls: { cert: tls.cert!, key: tls.key!, ca: tls.root },
      services: [implement(SERVED, handlers)],
      // every caller is believed: it is the devices that have to be careful here
      verifyProof: (bytes) => {
        const { entity, keyId } = parseProof(bytes);
        return Promise.resolve({ entity, user: '', keyId: keyIdBytes(keyId) });
      },
      logger: createLogger({ service: 'hostile-gateway', level: 'silent' }),
    });
    await port.start();
    world.onStop(() => port.stop(0).then(() => server.close()));
    return { address: port.address, tampers, honest };
  });

/** By number, so that rows may share them; its store is watched from then on. */
export const device = (world: World, number: number) =>
  world.once(`device ${number}`, async () => {
    const gateway = await served(world);
    const local = await LocalDevice.create(join(world.deployment.directory, `own-device-${number}`), gateway.address);
    world.onStop(() => local.close());
    const peer = { uri: world.probe.uri, address: gateway.address };
    const { oneTimeString } = await world.operator.admit({ entity: world.entity(), form: 'secret', peer });
    await local.enrol(oneTimeString);
    world.stores.add(`device ${number}`, local.store);
    return { local, behind: gateway, ...(await local.liveKey()) };
  });
type ServedDevice = Awaited<ReturnType<typeof device>>;

/** A device as a member of a group. */
export class GroupMember {
  constructor(
    readonly device: ServedDevice,
    readonly groupId: string,
  ) {}

  /** Another device in the same group. */
  beside(device: ServedDevice): GroupMember {
    return new GroupMember(device, this.groupId);
  }

  /** What the Server would have an honest gateway give this member. @param version 0 for the newest */
  honest(version = 0n): Promise<GroupKeyDelivery> {
    return this.device.behind.honest(this.groupId, this.device.entity, version);
  }

  pull = () => this.device.local.groups.pull(this.groupId);

  /** @returns the sealed message */
  seal(text: string): Promise<Buffer> {
    return this.device.local.groups.seal(this.groupId, Buffer.from(text));
  }

  open(message: Buffer) {
    return this.device.local.groups.open(message);
  }

  /** Does something while the gateway answers the device's pulls in its own way. */
  async through<T>(tamper: Tamper, act: () => Promise<T>): Promise<T> {
    const { behind, entity } = this.device;
    behind.tampers.set(entity, tamper);
    return act().finally(() => behind.tampers.delete(entity));
  }
}
