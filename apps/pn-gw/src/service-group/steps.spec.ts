/** The steps that the gateway reports: which flow each belongs to, what it is linked to, and what a restart suite may break. */
import { PnGatewayServiceService } from '@cpns/contracts';
import { eventually, perTest } from '@cpns/core/testing';
import { GRACE_MS } from '@cpns/group-key';
import { connectTo } from '@cpns/grpc';
import { TestPki } from '@cpns/grpc/testing';
import { keyIdBytes } from '@cpns/key-derivation';
import { serve } from '@cpns/platform/testing';
import type { Store } from '@cpns/store';
import { currentStep, withStepChain, withTraceparent } from '@cpns/telemetry';
import { MemoryTelemetry, type SeenStep } from '@cpns/telemetry/testing';
import { HeldPushes } from '../cskmf/envelopes';
import { keyIdOf } from '../testing/fake-server';
import { BOTH, CAMERA, GATEWAY, GatewayWorld, GROUP, LOCK } from '../testing/world';
import { wrappedStore } from '@cpns/store/testing';

const SERVER = 'cpns://td.example/service/cpns-server';
const SMF = 'cpns://td.example/service/smf';
/** Of step 6 at the SMF, as a stored entry carries it. */
const CAUSE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const [, CAUSE_TRACE, CAUSE_SPAN] = CAUSE.split('-');

const pki = new TestPki();

/** The gateway's token port, where a proof is the E of its maker. */
async function tokenPort({ module, log: { logger } }: GatewayWorld) {
  const verifyProof = (proof: Buffer) => {
    const entity = proof.toString();
    return Promise.resolve({ entity, user: '', keyId: keyIdBytes(keyIdOf(entity)) });
  };
  const served = await serve(module, {
    token: { clients: 'none', listen: '127.0.0.1:0', tls: pki.server(GATEWAY), verifyProof, logger },
  });
  const connection = connectTo({ address: served.addresses.token!, tls: { root: pki.root }, expectedPeer: GATEWAY });
  return {
    client: connection.client(PnGatewayServiceService),
    close: async () => {
      connection.close();
      await served.close();
    },
  };
}

describe('the steps of the flows at the gateway', () => {
  let telemetry: MemoryTelemetry;
  const world = perTest(new GatewayWorld());
  /** Commits that were made as work of no step. */
  let unmarked: string[];
  beforeAll(() => {
    telemetry = new MemoryTelemetry('pn-gw');
  });
  afterAll(() => telemetry.stop());
  beforeEach(async () => {
    telemetry.reset();
    unmarked = [];
    const watched = (store: Store) =>
      wrappedStore(store, (aggregate, change) => {
        const trimsOnly = change.trim !== undefined && Object.keys(change).length === 1;
        if (currentStep() === undefined && !trimsOnly && aggregate.kind !== 'held-push') unmarked.push(aggregate.kind);
        return store.commit(aggregate, change);
      });
    await world.restart(watched);
  });

  /** As the channel does it. */
  const within = <T>(fn: () => Promise<T>) => withTraceparent(CAUSE, () => withStepChain(CAUSE, fn));
  const notice = (of: Parameters<GatewayWorld['notice']>[0]) => within(() => world.notice(of, CAUSE));
  const push = (delivery: Parameters<GatewayWorld['push']>[0]) => within(() => world.push(delivery, CAUSE));
  const named = (steps: readonly SeenStep[]) => steps.map(({ flow, step }) => `${String(flow)} ${String(step)}`);
  const find = (steps: readonly SeenStep[], name: string) => steps[named(steps).indexOf(name)]!;

  it('FLOW-PULL: 7, then 8, 10 and 11, each linked to the one before', async () => {
    world.server.answer = () => world.server.keyFor(GROUP, 1n, BOTH);
    await notice({ groupId: GROUP, delivery: 'pull', members: BOTH });
    await world.requestsDone();
    const steps = await telemetry.steps();
    expect(named(steps)).toEqual(['FLOW-PULL 7', 'FLOW-PULL 8', 'FLOW-PULL 10', 'FLOW-PULL 11']);
    expect(steps.map(({ from, to }) => [from, to])).toEqual([
      [SMF, GATEWAY],
      [GATEWAY, GATEWAY],
      [SERVER, GATEWAY],
      [GATEWAY, GATEWAY],
    ]);
    expect(steps.map(({ links }) => links)).toEqual([
      [CAUSE_SPAN],
      [steps[0]?.spanId],
      [steps[1]?.spanId],
      [steps[2]?.spanId],
    ]);
    expect(new Set(steps.map(({ traceId }) => traceId))).toEqual(new Set([CAUSE_TRACE]));
    expect(unmarked).toEqual([]);
  });

  it('FLOW-PULL: step 8 is reported once however often the Server is away', async () => {
    await notice({ groupId: GROUP, delivery: 'pull', members: BOTH });
    for (let tries = 0; tries < 3; tries += 1) await world.requestsDone();
    world.server.answer = () => world.server.keyFor(GROUP, 1n, BOTH);
    await eventually(async () => {
      await world.requestsDone();
      expect(named(await telemetry.steps())).toContain('FLOW-PULL 11');
    });
    expect(named(await telemetry.steps())).toEqual(['FLOW-PULL 7', 'FLOW-PULL 8', 'FLOW-PULL 10', 'FLOW-PULL 11']);
  });

  it('FLOW-PULL begins at the first notice here also when that tells of a change', async () => {
    world.server.answer = () => world.server.keyFor(GROUP, 3n, BOTH);
    await notice({ groupId: GROUP, delivery: 'pull', revision: 3n, members: BOTH });
    await world.requestsDone();
    expect(named(await telemetry.steps())).toEqual(['GK-UPDATE-M 7', 'FLOW-PULL 8', 'FLOW-PULL 10', 'FLOW-PULL 11']);
  });

  it.each(['notice first', 'push first'])('FLOW-PUSH, GK-UPDATE-M, GK-DELETE: 7 and 8, %s', async (order) => {
    const both = async (first: () => Promise<void>, second: () => Promise<void>) => {
      await (order === 'notice first' ? first() : second());
      await (order === 'notice first' ? second() : first());
    };
    const update = (revision: bigint) =>
      both(
        () => notice({ groupId: GROUP, revision, members: BOTH }),
        () => push(world.server.keyFor(GROUP, revision, BOTH)),
      );
    await update(1n);
    await update(2n);
    await both(
      () => notice({ groupId: GROUP, revision: 3n, deleted: true }),
      () => push(world.server.endOf(GROUP, 2n)),
    );
    const steps = await telemetry.steps();
    const flows = ['FLOW-PUSH', 'GK-UPDATE-M', 'GK-DELETE'];
    expect(named(steps)).toEqual(flows.flatMap((flow) => [`${flow} 7`, `${flow} 8`]));
    for (const flow of flows)
      // to what caused the push, and to the notice
      expect(find(steps, `${flow} 8`).links).toEqual([CAUSE_SPAN, find(steps, `${flow} 7`).spanId]);
    expect(unmarked).toEqual([]);
  });

  it.each([
    ['notice first', 0],
    ['push first', 0],
    ['push first, of an emergency', 2 * GRACE_MS],
  ])('GK-UPDATE-T: 7 and 8, %s, and once more for a notice that comes again', async (order, since) => {
    const first = { groupId: GROUP, members: BOTH };
    await notice(first);
    await push(world.server.keyFor(GROUP, 1n, BOTH));
    telemetry.reset();
    const statement = world.server.statement(GROUP, 2n, { activateAt: world.clock.now() - since });
    const acts = [() => notice({ ...first, keyVersion: 2n }), () => push(world.server.delivery(statement, BOTH))];
    for (const act of order === 'notice first' ? acts : acts.reverse()) await act();
    const steps = await telemetry.steps();
    expect(named(steps)).toEqual(['GK-UPDATE-T 7', 'GK-UPDATE-T 8']);
    expect(find(steps, 'GK-UPDATE-T 8').links).toEqual([CAUSE_SPAN, find(steps, 'GK-UPDATE-T 7').spanId]);
    expect(unmarked).toEqual([]);
    telemetry.reset();
    await notice({ ...first, keyVersion: 2n });
    expect(named(await telemetry.steps())).toEqual(['GK-UPDATE-T 7']);
  });

  it('GK-PUSH goes on from the push', async () => {
    await notice({ groupId: GROUP, members: BOTH });
    await push(world.server.keyFor(GROUP, 1n, BOTH));
    const watch = world.watch(CAMERA);
    await eventually(() => expect(watch.sent).toHaveLength(1));
    const { traceId, spanId } = find(await telemetry.steps(), 'FLOW-PUSH 8');
    expect(watch.sent[0]?.traceparent).toBe(`00-${traceId}-${spanId}-01`);
    watch.hangUp();
    await watch.outcome;
  });

  it('GK-PULL: 2 from what is held, 2 and 4 from the Server, none for a refusal', async () => {
    await notice({ groupId: GROUP, members: BOTH });
    await push(world.server.keyFor(GROUP, 1n, [CAMERA]));
    telemetry.reset();
    const port = await tokenPort(world);
    const pull = (entity: string) =>
      port.client.pullGroupKey({ groupId: GROUP, version: 0n }, { proof: () => Buffer.from(entity) });
    await pull(CAMERA);
    const steps = await telemetry.steps();
    expect([named(steps), steps[0]?.from]).toEqual([['GK-PULL 2'], CAMERA]);
    telemetry.reset();
    await expect(pull(LOCK)).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    expect(await telemetry.steps()).toEqual([]);
    world.server.answer = () => world.server.keyFor(GROUP, 1n, [LOCK]);
    await pull(LOCK);
    expect(named(await telemetry.steps())).toEqual(['GK-PULL 2', 'GK-PULL 4']);
    expect(unmarked).toEqual([]);
    await port.close();
  });

  it('a pull that stands in for a push that was let go is no step', async () => {
    jest.replaceProperty(world.module.get(HeldPushes), 'max', 1);
    for (const groupId of [GROUP, 'g2']) await world.push(world.server.keyFor(groupId, 1n, BOTH), CAUSE);
    world.server.answer = () => world.server.keyFor(GROUP, 1n, BOTH);
    await notice({ groupId: GROUP, members: BOTH });
    await world.requestsDone();
    expect(named(await telemetry.steps())).toEqual(['FLOW-PUSH 7']);
    expect(await world.holds(1n)).toEqual([true, true]);
  });
});
