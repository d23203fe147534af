/** The channel of a gateway that was replaced or revoked, at the other replica: it takes nothing from its successor's. */
import { GroupKeyDeliveryServiceService, type OpenDeliveryChannelResponse } from '@cpns/contracts';
import { BEGINNING, receiverWire } from '@cpns/delivery';
import type { TestGateway } from '@cpns/testing/bad-input';
import { waitUntil } from '@cpns/testing';
import type { Position } from '@cpns/store';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { otherOf, reasonOf, REPLICAS, Replicas, type Replica } from '../rights/replicas';

jest.setTimeout(120_000);
const world = new Replicas();
beforeAll(() => world.start());
afterAll(() => world.stop());

/** A delivery channel that acknowledges only when it is told to. */
class Channel {
  readonly #stream;
  readonly tokens = new Set<string>();
  readonly ended: Promise<string>;
  #last: Position = BEGINNING;

  constructor(gateway: Pick<TestGateway, 'tls'>, at: Replica) {
    this.#stream = world
      .connect('cpns-server', at, gateway.tls)
      .client(GroupKeyDeliveryServiceService)
      .openDeliveryChannel();
    this.ended = reasonOf(this.#read());
  }

  async #read(): Promise<void> {
    const opening = { position: BEGINNING, processId: randomBytes(16), resynchronise: false };
    await this.#stream.write(receiverWire({ kind: 'opening', opening }));
    for await (const response of this.#stream) this.#take(response);
  }

  #take({ sequence, entryId, entry }: OpenDeliveryChannelResponse): void {
    if (entry?.$case === 'tokenGrant') this.tokens.add(entry.value.tokenId);
    if (sequence > this.#last.sequence) this.#last = { sequence, entryId };
  }

  /** All that it was sent; rejects when the channel has ended. */
  acknowledge(): Promise<void> {
    return this.#stream.write(receiverWire({ kind: 'acknowledge', position: this.#last }));
  }

  has(tokens: readonly string[]): Promise<unknown> {
    return waitUntil('the grants', () => tokens.every((token) => this.tokens.has(token)), { withinMs: 20_000 });
  }
}

const admitFor = async (gateway: string, count: number): Promise<readonly string[]> => {
  const peer = { uri: gateway, address: '127.0.0.1:1' };
  const admit = async (n: number) => {
    const entity = gateway.replace(/pn-gw\/.*$/, `pne/e${n}`);
    const { operator } = world.deployment;
    return (await operator.admit({ entity, form: 'secret', assigner: gateway, peer, waitUntilDelivered: false }))
      .tokenId;
  };
  return Promise.all(Array.from({ length: count }, (_, n) => admit(n)));
};

describe.each(REPLICAS)('a channel at replica %s', (replica) => {
  it.each(['before', 'after'])(
    'of a gateway that is enrolled anew acknowledges %s its successor’s opening, and deletes nothing of it',
    async (when) => {
      const gateway = await world.gateway();
      const old = new Channel(gateway, replica);
      const tokens = await admitFor(gateway.uri, 3);
      await old.has(tokens);
      const successor = await world.replace(gateway, otherOf(replica));
      if (when === 'before') await reasonOf(old.acknowledge());
      const channel = new Channel(successor, otherOf(replica));
      if (when === 'after') {
        await channel.has(tokens);
        await reasonOf(old.acknowledge());
        await sleep(500);
      }
      expect(await old.ended).toMatch(/^(CERTIFICATE_REVOKED|SUPERSEDED)$/);
      const late = await admitFor(gateway.uri, 1);
      await channel.has([...tokens, ...late]);
      await channel.acknowledge();
    },
  );
});
