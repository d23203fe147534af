import { createHash } from 'node:crypto';
import { KmcServiceService, PnGatewayServiceService } from '@cpns/contracts';
import { unauthenticated } from '@cpns/core';
import { status as Status } from '@grpc/grpc-js';
import {
  type CallOptions,
  createServerPort,
  implement,
  type Handlers,
  type ProofVerifier,
  type ServiceBinding,
} from '..';
import { KmcFixture, PNE, reasonOf } from '../testing/kmc-fixture';

const kmc = new KmcFixture();
const anonymous = { root: kmc.pki.root };
const { path } = PnGatewayServiceService.reportCapabilities;
const seen: { proof: Buffer; method: string; digest: Buffer }[] = [];
const callers: unknown[] = [];

const verifyProof: ProofVerifier = (proof, method, digest) => {
  seen.push({ proof, method, digest });
  if (proof.toString() !== 'good') return Promise.reject(unauthenticated('PROOF_MAC', 'the proof is wrong'));
  return Promise.resolve({ entity: PNE, user: 'ann', keyId: Buffer.alloc(16, 3) });
};

const gateway: Handlers<typeof PnGatewayServiceService> = {
  assignEntityUserKey: async () => Promise.resolve({ reply: undefined, certificatePort: 0 }),
  registerEntityUserKey: async () => Promise.resolve({ reply: undefined, certificatePort: 0 }),
  renewEntityUserKey: async () => Promise.resolve({ reply: undefined }),
  reportCapabilities: async (_request, call) => {
    callers.push(call.requireEntity());
    return Promise.resolve({ recordedAt: 5n });
  },
  joinServiceGroup: async () => Promise.resolve({ membershipRevision: 1n }),
  leaveServiceGroup: async () => Promise.resolve({ membershipRevision: 1n }),
  pullGroupKey: async () => Promise.resolve({ delivery: undefined, traceparent: '' }),
  watchGroupKeys: async (_request, call) => {
    callers.push(call.requireEntity());
    await call.write({ delivery: undefined, traceparent: '' });
  },
};

const makePort = (services: readonly ServiceBinding[], verifier?: ProofVerifier) =>
  createServerPort({
    listen: '127.0.0.1:0',
    tls: kmc.tls,
    clients: 'none',
    services,
    logger: kmc.log.logger,
    ...(verifier === undefined ? {} : { verifyProof: verifier }),
  });

async function client() {
  const port = await kmc.started(makePort([implement(PnGatewayServiceService, gateway)], verifyProof));
  return kmc.connect(port, anonymous).client(PnGatewayServiceService);
}

const capabilities = { capabilities: { linkSecurity: 2, keyStorage: 1, softwareVersion: 'v1' } };

beforeEach(() => {
  callers.length = 0;
  seen.length = 0;
});
afterEach(() => kmc.reset());

test('a self-authenticating request comes through without a certificate', async () => {
  const { reply } = await (await client()).assignEntityUserKey({ request: undefined });
  expect(reply).toBeUndefined();
});

test('the verifier gets proof, path and the digest of the bytes as sent; the handler gets the entity', async () => {
  const { reportCapabilities } = await client();
  const digests: Buffer[] = [];
  const proof = (_method: string, digest: Buffer) => {
    digests.push(digest);
    return Buffer.from('good');
  };
  await reportCapabilities(capabilities, { proof });
  const bytes = PnGatewayServiceService.reportCapabilities.requestSerialize(capabilities);
  const digest = createHash('sha256').update(bytes).digest();
  expect(digests).toEqual([digest]);
  expect(seen).toEqual([{ proof: Buffer.from('good'), method: path, digest }]);
  expect(callers).toEqual([{ entity: PNE, user: 'ann', by: { kind: 'proof', keyId: Buffer.alloc(16, 3) } }]);
});

test('a stream is proven by its first message', async () => {
  const { watchGroupKeys } = await client();
  const replies: unknown[] = [];
  for await (const reply of watchGroupKeys({}, { proof: () => Buffer.from('good') })) replies.push(reply);
  expect(replies).toEqual([{ delivery: undefined, traceparent: '' }]);
  expect(seen[0]?.digest).toEqual(createHash('sha256').update('').digest());
  expect(callers).toHaveLength(1);
});

describe('a proof that is', () => {
  test.each([
    ['missing', undefined, 'UNAUTHENTICATED/PROOF_MISSING', 0],
    ['wrong', Buffer.from('bad'), 'UNAUTHENTICATED/PROOF_MAC', 1],
    ['over-long', Buffer.alloc(1_025), 'INVALID_ARGUMENT/MALFORMED_MESSAGE', 0],
  ])('%s', async (_what, proof, expected, verified) => {
    const { reportCapabilities } = await client();
    const options = proof === undefined ? {} : { proof: () => proof };
    expect(await reasonOf(reportCapabilities(capabilities, options))).toBe(expected);
    expect(seen).toHaveLength(verified);
    expect(callers).toHaveLength(0);
  });
});

test('reflection is not served here', async () => {
  const port = await kmc.started(makePort([implement(PnGatewayServiceService, gateway)], verifyProof));
  const error = await kmc.rawCall(port, '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', Buffer.alloc(0));
  expect(error.code).toBe(Status.UNIMPLEMENTED);
});

test.each<[string, () => ServiceBinding, string]>([
  ['an RPC for certificates only', () => implement(KmcServiceService, kmc.handlers), 'no role may call'],
  ['an RPC for proofs without a verifier', () => implement(PnGatewayServiceService, gateway), 'needs a proof verifier'],
])('%s cannot be bound to it', (_what, binding, problem) => {
  expect(() => makePort([binding()])).toThrow(problem);
});

test('a stream that is to begin beside its caller’s standing cannot be bound to any port', async () => {
  const services = [implement(PnGatewayServiceService, gateway, { runsDuringRevocationCheck: ['watchGroupKeys'] })];
  await expect(kmc.port({ services })).rejects.toThrow('begins when its caller');
});

test('the same RPCs on a port with certificates take the entity from the certificate', async () => {
  const port = await kmc.port({ services: [implement(PnGatewayServiceService, gateway)] });
  await kmc.connect(port, PNE).client(PnGatewayServiceService).reportCapabilities(capabilities);
  expect(callers).toMatchObject([{ entity: PNE, user: '', by: { kind: 'certificate' } }]);
  expect(seen).toHaveLength(0);
});

describe('a certificate and a proof on one call', () => {
  const { assignEntityUserKey, registerEntityUserKey, renewEntityUserKey, ...calls } = PnGatewayServiceService;
  const answered = (reply: AsyncIterable<unknown> | Promise<unknown>) =>
    Symbol.asyncIterator in reply ? reply[Symbol.asyncIterator]().next() : reply;
  test.each(Object.keys(calls) as (keyof typeof calls)[])('of %s', async (name) => {
    const port = await kmc.port({ services: [implement(PnGatewayServiceService, gateway)] });
    const client = kmc.connect(port, PNE).client(PnGatewayServiceService);
    const call = (options: CallOptions) =>
      reasonOf(answered(client[name]({ groupId: 'g', version: 0n, ...capabilities }, options)));
    expect(await call({})).toBe('accepted');
    expect(await call({ proof: () => Buffer.from('good') })).toBe('INVALID_ARGUMENT/CREDENTIAL_AMBIGUOUS');
    expect(await call({})).toBe('accepted');
  });

  test('of a request that authenticates itself', async () => {
    const port = await kmc.port({ services: [implement(PnGatewayServiceService, gateway)] });
    const { assignEntityUserKey: assign } = kmc.connect(port, PNE).client(PnGatewayServiceService);
    expect(await reasonOf(assign({ request: undefined }, { proof: () => Buffer.from('good') }))).toBe('accepted');
  });
});
