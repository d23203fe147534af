import { EntityUserKeyServiceService, KmcServiceService, type KeyVersion } from '@cpns/contracts';
import { unauthenticated } from '@cpns/core';
import { failureOfAsync } from '@cpns/core/testing';
import { MemoryLog } from '@cpns/telemetry/testing';
import { status as Status } from '@grpc/grpc-js';
import { fromServiceError, implement } from '..';
import { keyVersion, KmcFixture, reasonOf, SERVER } from '../testing/kmc-fixture';

const kmc = new KmcFixture();
const request = { groupId: 'g', version: 1n };
const { destroyKey, getKeyVersion } = KmcServiceService;
const { getEntityUserKey } = EntityUserKeyServiceService;
const { path } = getKeyVersion;
const none = Buffer.alloc(0);
afterEach(() => kmc.reset());

describe('messages', () => {
  test.each([
    ['over the port’s limit', path, Buffer.alloc(300_000), Status.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE'],
    ['undecodable', path, Buffer.from('ffff', 'hex'), Status.INVALID_ARGUMENT, 'MALFORMED_MESSAGE'],
    ['for an RPC that this port leaves out', destroyKey.path, none, Status.UNIMPLEMENTED, 'UNIMPLEMENTED'],
    ['for a service that is elsewhere', getEntityUserKey.path, none, Status.UNIMPLEMENTED, 'UNIMPLEMENTED'],
  ])('%s', async (_what, method, body, code, reason) => {
    const error = await kmc.rawCall(await kmc.port(), method, body);
    expect(error.code).toBe(code);
    expect(error.metadata.get('grpc-status-details-bin')).toHaveLength(1);
    expect(fromServiceError(error).reason).toBe(reason);
    expect(kmc.served).toBe(0);
  });

  test('over a service’s own limit', async () => {
    const services = [implement(KmcServiceService, kmc.handlers, { maxRequestBytes: 8 })];
    const port = await kmc.port({ services });
    await expect(kmc.rawCall(port, path, Buffer.from('0a06616161616161', 'hex'))).rejects.toThrow('accepted');
    const error = await kmc.rawCall(port, path, Buffer.alloc(9));
    expect(fromServiceError(error)).toMatchObject({ reason: 'MESSAGE_TOO_LARGE', metadata: { limit_bytes: '8' } });
    expect(kmc.served).toBe(1);
  });

  test('an unknown path is UNIMPLEMENTED', async () => {
    const error = await kmc.rawCall(await kmc.port(), '/nothing.v1.Here/AtAll', none);
    expect(fromServiceError(error).reason).toBe('UNIMPLEMENTED');
  });

  test('a handler sees the bytes as they were sent', async () => {
    const seen: Buffer[] = [];
    kmc.answer = (asked, call) => {
      seen.push(call.requestBytes);
      return Promise.resolve(keyVersion(asked.groupId));
    };
    // field 3 is unknown to the receiver and still part of what was sent
    const body = Buffer.from('0a01671001' + '1805', 'hex');
    await expect(kmc.rawCall(await kmc.port(), path, body)).rejects.toThrow('accepted');
    expect(seen).toEqual([body]);
  });

  test('calls that come in a crowd begin one in each turn of the event loop', async () => {
    let turn = 0;
    let isOver = false;
    const count = () => {
      turn += 1;
      if (!isOver) setImmediate(count);
    };
    count();
    const begun: number[] = [];
    kmc.answer = ({ groupId }) => {
      begun.push(turn);
      return Promise.resolve(keyVersion(groupId));
    };
    const call = kmc.caller(await kmc.port(), SERVER);
    await Promise.all(Array.from({ length: 20 }, () => call(request)));
    isOver = true;
    expect(new Set(begun).size).toBe(20);
  });

  test('an RPC cannot be bound twice', async () => {
    const twice = [implement(KmcServiceService, kmc.handlers), implement(KmcServiceService, kmc.handlers)];
    await expect(kmc.port({ services: twice })).rejects.toThrow('bound twice');
  });
});

describe('errors', () => {
  test('a CpnsError arrives with code, reason, message and metadata', async () => {
    kmc.answer = () =>
      Promise.reject(
        unauthenticated('PROOF_OUTSIDE_WINDOW', 'set your clock: 5 minutes fast — “late”', {
          metadata: { verifier_time_ms: '17', field: 'x'.repeat(1_000) },
          cause: new Error('internal detail'),
        }),
      );
    const call = kmc.caller(await kmc.port(), SERVER)(request);
    const error = await failureOfAsync(() => call);
    expect(error).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'PROOF_OUTSIDE_WINDOW',
      message: 'set your clock: 5 minutes fast — “late”',
    });
    expect(error?.metadata.verifier_time_ms).toBe('17');
    expect(error?.metadata.field).toHaveLength(257);
  });

  test('anything else is INTERNAL with a fixed message; its cause is in the log only', async () => {
    const log = new MemoryLog();
    kmc.answer = () => Promise.reject(new Error('redis://user:pass@host is down'));
    const error = await kmc.rawCall(await kmc.port({ logger: log.logger }), path, Buffer.from('0a0167', 'hex'));
    expect(error.code).toBe(Status.INTERNAL);
    expect(JSON.stringify([error.details, error.metadata])).not.toContain('redis');
    expect(fromServiceError(error)).toMatchObject({
      reason: 'INTERNAL',
      message: 'the service failed; its log has the cause',
    });
    expect(log.entries().find((entry) => entry.level === 'error')).toMatchObject({
      message: 'call failed',
      caller: SERVER,
      error: { reason: 'INTERNAL', cause: { message: 'redis://user:pass@host is down' } },
    });
  });

  test('a handler that throws at once is no different', async () => {
    kmc.answer = () => {
      throw new TypeError('bug');
    };
    expect(await reasonOf(kmc.caller(await kmc.port(), SERVER)(request))).toBe('INTERNAL/INTERNAL');
  });

  test('a response that cannot be encoded is INTERNAL', async () => {
    kmc.answer = () => Promise.resolve({ groupId: 'g', version: -1n, groupKey: Buffer.alloc(0) } satisfies KeyVersion);
    expect(await reasonOf(kmc.caller(await kmc.port(), SERVER)(request))).toBe('INTERNAL/INTERNAL');
  });

  test('a response over the client’s limit is MESSAGE_TOO_LARGE', async () => {
    kmc.answer = () => Promise.resolve(keyVersion('x'.repeat(2_000)));
    const call = kmc.caller(await kmc.port(), SERVER, { maxMessageBytes: 1_000 })(request);
    expect(await reasonOf(call)).toBe('RESOURCE_EXHAUSTED/MESSAGE_TOO_LARGE');
  });
});
