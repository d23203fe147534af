import { KmcServiceService } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { outcomeOf, TestPort } from '@cpns/platform/testing';
import { withinStep, withStepChain } from '@cpns/telemetry';
import { MemoryLog, MemoryTelemetry } from '@cpns/telemetry/testing';
import { KMC, requestId, SERVER, World } from './testing/world';

const log = new MemoryLog('kmc');
const telemetry = new MemoryTelemetry('kmc');
const port = new TestPort(KMC);
const world = perTest(new World());

const clientOf = (uri: string) => port.as(uri).client(KmcServiceService);

beforeEach(() => {
  telemetry.reset();
  return port.serve(world.kmc.module, { logger: log.logger });
});
afterAll(() => telemetry.stop());

/** Every call of the service, good ones. */
const CALLS = (rpc: ReturnType<typeof clientOf>) => ({
  createKey: () => rpc.createKey({ groupId: 'g', requestId: requestId(1) }),
  createKeyVersion: () => rpc.createKeyVersion({ groupId: 'g', previous: 1n, requestId: requestId(2) }),
  getKeyVersion: () => rpc.getKeyVersion({ groupId: 'g', version: 2n }),
  destroyKeyVersion: () => rpc.destroyKeyVersion({ groupId: 'g', version: 1n }),
  destroyKey: () => rpc.destroyKey({ groupId: 'g' }),
});

describe('the KMC over a port', () => {
  it('makes, keeps and destroys a Group Key', async () => {
    const calls = CALLS(clientOf(SERVER));
    const { version: first } = await calls.createKey();
    const { version: second } = await calls.createKeyVersion();
    expect([first?.version, second?.version]).toEqual([1n, 2n]);
    expect((await calls.getKeyVersion()).version).toEqual(second);
    await calls.destroyKeyVersion();
    await calls.destroyKey();
    expect(await outcomeOf(calls.getKeyVersion())).toBe('NOT_FOUND/NOT_FOUND');
    const text =
      log.text() + JSON.stringify((await telemetry.spans()).map(({ attributes, events }) => [attributes, events]));
    for (const key of [first!.groupKey, second!.groupKey])
      for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const)
        expect(text).not.toContain(key.toString(form));
  });

  const STRANGERS = [
    'cpns://td.example/service/smf',
    'cpns://td.example/service/kmc',
    'cpns://td.example/operator/ann',
    'cpns://pn1.td.example/pn-gw/gw1',
    'cpns://pn1.td.example/pne/watch',
  ];
  it.each(STRANGERS)('refuses %s every call', async (uri) => {
    const { version } = await clientOf(SERVER).createKey({ groupId: 'g', requestId: requestId(1) });
    for (const call of Object.values(CALLS(clientOf(uri))))
      expect(await outcomeOf(call())).toBe('PERMISSION_DENIED/ROLE_NOT_PERMITTED');
    expect((await clientOf(SERVER).getKeyVersion({ groupId: 'g', version: 1n })).version).toEqual(version);
  });

  it('tells a refusal over the wire', async () => {
    const rpc = clientOf(SERVER);
    expect(await outcomeOf(rpc.createKey({ groupId: 'a/b', requestId: requestId(1) }))).toBe(
      'INVALID_ARGUMENT/NAME_INVALID',
    );
    await rpc.createKey({ groupId: 'g', requestId: requestId(1) });
    expect(await outcomeOf(rpc.createKeyVersion({ groupId: 'g', previous: 2n, requestId: requestId(2) }))).toBe(
      'ABORTED/CONFLICT',
    );
  });
});

describe('the steps of a flow that the KMC receives', () => {
  const reported = async () =>
    (await telemetry.steps()).map(({ flow, step, from, to, carried }) => ({ flow, step, from, to, carried }));
  const expectedStep = (flow: string, ...carried: string[]) => ({ flow, step: 3, from: SERVER, to: KMC, carried });

  it.each(['FLOW-PULL', 'FLOW-PUSH'] as const)('%s: a key is asked for', async (flow) => {
    const calls = CALLS(clientOf(SERVER));
    await withinStep({ flow, step: 2 }, calls.createKey);
    expect(await reported()).toEqual([expectedStep(flow, 'group_id', 'request_id')]);
  });

  it.each(['GK-UPDATE-M', 'GK-UPDATE-T'] as const)('%s: a version is asked for', async (flow) => {
    const calls = CALLS(clientOf(SERVER));
    await calls.createKey();
    await withinStep({ flow, step: 2 }, calls.createKeyVersion);
    expect(await reported()).toEqual([expectedStep(flow, 'group_id', 'previous', 'request_id')]);
  });

  it('GK-DELETE: the end is asked for', async () => {
    const calls = CALLS(clientOf(SERVER));
    await calls.createKey();
    await withinStep({ flow: 'GK-DELETE', step: 2 }, calls.destroyKey);
    expect(await reported()).toEqual([expectedStep('GK-DELETE', 'group_id')]);
  });

  it('links to the step before, and the caller’s next one to it', async () => {
    const calls = CALLS(clientOf(SERVER));
    await withStepChain('', async () => {
      await withinStep({ flow: 'FLOW-PULL', step: 2 }, calls.createKey);
      await withinStep({ flow: 'GK-UPDATE-M', step: 2 }, calls.createKeyVersion);
    });
    const [first, second] = await telemetry.steps();
    expect(second?.links).toEqual([first?.spanId]);
  });

  it('are reported in no other flow, in no flow, and not for a refusal', async () => {
    const calls = CALLS(clientOf(SERVER));
    await calls.createKey();
    await calls.createKeyVersion();
    await withinStep({ flow: 'GK-PULL', step: 3 }, calls.getKeyVersion);
    await withinStep({ flow: 'GK-UPDATE-M', step: 2 }, calls.destroyKeyVersion);
    await calls.destroyKey();
    for (const flow of ['GK-DELETE', 'FLOW-PULL'] as const)
      expect(await outcomeOf(withinStep({ flow, step: 2 }, calls.createKey))).toBe('ALREADY_EXISTS/ALREADY_EXISTS');
    expect(await reported()).toEqual([]);
  });
});
