/**
 * FLOW-PUSH with one member behind each of 100 gateways in as many Personal Networks: from AddMembers at the SMF, which
 * makes a new Group Key, until the last gateway has acknowledged the push of it. Against a bare grpc-js server that is
 * called by the same client, and writes as many bytes to as many channels, which are acknowledged by the same code.
 */
import {
  GroupKeyDeliveryServiceService,
  OpenDeliveryChannelResponse,
  ServiceGroupServiceService,
  type ServiceGroup,
} from '@cpns/contracts';
import type { LightGateway } from '@cpns/testing';
import { BareServer } from './bare-server';
import { compare, type Comparison } from './compare';
import { GATEWAYS, homeOf, makeMembers, type GroupScene } from './group-scene';

const GROUP = 'bench-push';
const WARM_UP = 2;
const PATIENCE_MS = 30_000;

/** Counts the gateways that acknowledged. */
class Acknowledgements {
  readonly #failed: Promise<never>;
  #fail: (error: Error) => void = () => undefined;
  #missing = new Set<string>();
  #done: () => void = () => undefined;
  last: OpenDeliveryChannelResponse | undefined;

  constructor(private readonly gateways: readonly LightGateway[]) {
    this.#failed = new Promise((_, reject) => (this.#fail = reject));
    // the channels end when the figures are taken; before that, somebody waits for them
    this.#failed.catch(() => undefined);
  }

  /** Opens the channels of each gateway: at the CPNS Server and the SMF, or at what stands for the Server. */
  open(address?: string): void {
    for (const gateway of this.gateways) {
      const take = (entry: OpenDeliveryChannelResponse) => this.#take(gateway, entry);
      const channels = [gateway.holdDeliveries(gateway.connect('cpns-server', address), take)];
      if (address === undefined) channels.push(gateway.holdNotices(gateway.connect('smf')));
      for (const channel of channels) channel.catch((error: Error) => this.#fail(error));
    }
  }

  #take({ uri }: LightGateway, entry: OpenDeliveryChannelResponse): void {
    const kind = entry.entry?.$case;
    if (kind === 'groupKey') this.last = entry;
    // a channel is open once its first snapshot is at its end
    else if (kind !== 'snapshotEnd') return;
    if (this.#missing.delete(uri) && this.#missing.size === 0) this.#done();
  }

  /** Until each gateway has acknowledged one Group Key, or a snapshot, since `push` was called. */
  async ofAll(push: () => Promise<unknown>): Promise<void> {
    this.#missing = new Set(this.gateways.map(({ uri }) => uri));
    const done = new Promise<void>((resolve) => (this.#done = resolve));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const count = () => new Error(`${this.#missing.size} gateways acknowledged nothing in ${PATIENCE_MS} ms`);
      timer = setTimeout(() => reject(count()), PATIENCE_MS);
    });
    await Promise.race([Promise.all([push(), done]), this.#failed, late]).finally(() => clearTimeout(timer));
  }
}

/** The same figures as times. */
const inMilliseconds = (found: Comparison): Comparison => ({
  ...found,
  unit: 'ms',
  ours: 1000 / found.ours,
  baseline: 1000 / found.baseline,
});

const times = async (count: number, work: () => Promise<void>): Promise<void> => {
  for (let i = 0; i < count; i++) await work();
};

export async function benchFanOut({ deployment, gateways, storeName, rounds }: GroupScene): Promise<Comparison> {
  const { groups } = deployment.operator;
  const inHome = (home: number, id: string) => deployment.entity(homeOf(home), 'pne', id);
  const first = Array.from({ length: GATEWAYS }, (_, n) => inHome(n + 1, 'first'));
  // each round adds another; all to different homes, so that no answer grows by more than one envelope
  const joining = Array.from({ length: rounds + WARM_UP + 1 }, (_, n) =>
    inHome((n % GATEWAYS) + 1, `later-${100 + n}`),
  );
  await makeMembers(deployment, [...first, ...joining]);
  const acknowledged = new Acknowledgements(gateways);
  await acknowledged.ofAll(() => Promise.resolve(acknowledged.open()));
  await acknowledged.ofAll(() => groups.createGroup({ groupId: GROUP, delivery: 'push', members: first }));
  const add = () => groups.addMembers(GROUP, joining.splice(0, 1));
  const [example = ''] = joining;
  let group: ServiceGroup | undefined;
  await acknowledged.ofAll(async () => {
    group = await add();
  });
  const message = acknowledged.last && Buffer.from(OpenDeliveryChannelResponse.encode(acknowledged.last).finish());
  if (message === undefined) throw new Error('the group was pushed to nobody');
  const { path: channel } = GroupKeyDeliveryServiceService.openDeliveryChannel;
  const broadcast = { channel, message };
  const { addMembers } = ServiceGroupServiceService;
  const echo = await BareServer.start(deployment, addMembers, { group }, { mutual: true, broadcast });
  try {
    const echoed = new Acknowledgements(gateways);
    await echoed.ofAll(() => Promise.resolve(echoed.open(echo.address)));
    const [caller] = gateways;
    const bare = caller?.connect('cpns-server', echo.address).client(ServiceGroupServiceService);
    const request = { groupId: GROUP, members: [example] };
    const name = `AddMembers until ${GATEWAYS} gateways acknowledged, ${storeName}`;
    const plan = { name, unit: 'ms', batch: 1, rounds, warmUp: WARM_UP };
    return inMilliseconds(
      await compare(
        plan,
        (count) => times(count, () => acknowledged.ofAll(add)),
        (count) => times(count, () => echoed.ofAll(async () => bare?.addMembers(request))),
      ),
    );
  } finally {
    await echo.stop();
  }
}
