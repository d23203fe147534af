/** A snapshot counts as a whole or not at all: what a CPNS Server says that the suite plays, in the place of the real one. */
import { GroupKeyDeliveryServiceService, type OpenDeliveryChannelResponse } from '@cpns/contracts';
import { waitUntil } from '@cpns/testing';
import { Server, ServerCredentials, status, type ServerDuplexStream } from '@grpc/grpc-js';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { LET_IN, pulling, WAIT_MS, World } from './world';

jest.setTimeout(300_000);

type Call = ServerDuplexStream<unknown, OpenDeliveryChannelResponse>;
type Said = Partial<Pick<OpenDeliveryChannelResponse, 'entry' | 'sequence' | 'entryId'>>;

const ID = randomBytes(16);
const begin = (doubtful = false): Said => ({
  entry: { $case: 'snapshotBegin', value: { snapshotId: ID, doubtful } },
});
const end = (count: bigint, snapshotId = ID): Said => ({
  sequence: 1n,
  entryId: randomBytes(16),
  entry: { $case: 'snapshotEnd', value: { snapshotId, count } },
});
const rowOf = (entity: string): Said => ({ entry: { $case: 'assignerEnd', value: { gateway: entity, life: 0n } } });

/** Delivery channels of a Server with the real one's certificate, at its address; what is asked otherwise fails. */
class PlayedServer {
  readonly #server = new Server();
  /** Channels so far that have ended. */
  over = 0;

  /** @param say what each channel is sent; it is cut off afterwards, unless it is to stay */
  constructor(say: readonly Said[], stays = false) {
    const openDeliveryChannel = (call: Call) => {
      call.on('data', () => undefined).on('error', () => undefined);
      call.on('cancelled', () => (this.over += 1));
      for (const said of say)
        call.write({ sequence: 0n, entryId: Buffer.alloc(0), traceparent: '', entry: undefined, ...said });
      if (stays) return;
      call.emit('error', { code: status.UNAVAILABLE, details: 'cut off' });
      this.over += 1;
    };
    const pullGroupKey = (_call: unknown, answer: (error: object) => void) => answer({ code: status.NOT_FOUND });
    this.#server.addService(GroupKeyDeliveryServiceService, { openDeliveryChannel, pullGroupKey });
  }

  async listen(world: World): Promise<void> {
    const { pki } = world.deployment;
    const { chain, key } = pki.services['cpns-server'];
    const pair = { cert_chain: readFileSync(chain), private_key: readFileSync(key) };
    const secure = ServerCredentials.createSsl(readFileSync(pki.root), [pair], true);
    const address = world.deployment.address('cpns-server', 'certificate');
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(address, secure, (error) => (error ? reject(error) : resolve()));
    });
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

const world = new World();
beforeAll(() => world.start());
afterAll(() => world.stop());

describe('a snapshot in which a device is not named', () => {
  const outcomes: readonly (readonly [string, readonly Said[], string])[] = [
    ['that is cut in the middle', [begin(), rowOf('cpns://pn1.testbed.example/pn-gw/other')], 'let in'],
    ['whose count is wrong', [begin(), end(7n)], 'let in'],
    ['that ends as another', [begin(), end(0n, randomBytes(16))], 'let in'],
    ['that begins in doubt and is cut', [begin(true)], 'RESYNCHRONISING'],
    ['that is whole', [begin(), end(0n)], 'KEY_UNKNOWN'],
  ];
  it.each(outcomes)('%s', async (_how, say, expected) => {
    const { deployment } = world;
    const [device] = await world.live(1);
    await deployment.stopService('cpns-server');
    const played = new PlayedServer(say, expected === 'KEY_UNKNOWN');
    await played.listen(world);
    // each channel is followed by another until the gateway has what it believes
    await waitUntil('channels', () => played.over >= (expected === 'let in' ? 2 : 0), { withinMs: WAIT_MS });
    const seen = async () => ((await pulling(device!)) === LET_IN ? 'let in' : pulling(device!));
    await waitUntil(expected, async () => (await seen()) === expected, { withinMs: WAIT_MS });
    played.stop();
    await deployment.restart('cpns-server');
    // the real Server names it again, whatever the gateway believed meanwhile
    await waitUntil('the device’s row', async () => (await pulling(device!)) === LET_IN, { withinMs: WAIT_MS });
  });
});
