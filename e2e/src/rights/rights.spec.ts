/**
 * Who has lost his right has lost it, at every replica: one good call first, which warms what may be kept of it; then the
 * end, at the other replica of the CPNS Server; then the next call on the same connection and on a new one, and what is open,
 * each within a second of the end's answer. The honest caller beside it goes on.
 */
import {
  CertificateServiceService,
  DeviceCapabilitiesServiceService,
  EnrolmentServiceService,
  GroupKeyDeliveryServiceService,
  KmcServiceService,
  MembershipServiceService,
  PnGatewayServiceService,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import { EntityUserKey } from '@cpns/core';
import type { Connection } from '@cpns/grpc';
import { deriveConfirmKey, sha256 } from '@cpns/key-derivation';
import { freshNonce, issued, sealProof, type Credential, type TestGateway } from '@cpns/testing/bad-input';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { otherOf, reasonOf, REPLICAS, Replicas, type Replica, type Served } from './replicas';

const WITHIN_MS = 1_000;
/** Until a stream that was opened has reached its handler, milliseconds. */
const OPENING_MS = 500;
const REVOKED = 'CERTIFICATE_REVOKED';

jest.setTimeout(120_000);
const world = new Replicas();
beforeAll(() => world.start());
afterAll(() => world.stop());

/** A call that changes nothing, and what it is answered while its caller has the right to it. */
interface Call {
  readonly at: Served;
  readonly call: (connection: Connection) => Promise<unknown>;
  readonly letIn: string;
}
const NO_GROUP = { groupId: 'no-such-group' };
/** An entity behind a gateway asks to join, with a proof of a key that is not registered. */
function joiningOf(gateway: string) {
  const { path: method, requestSerialize } = PnGatewayServiceService.joinServiceGroup;
  const entity = gateway.replace(/pn-gw\/.*$/, 'pne/e');
  const entityRequest = Buffer.from(requestSerialize(NO_GROUP));
  const entityProof = sealProof({
    confirmKey: deriveConfirmKey(new EntityUserKey(randomBytes(32))),
    keyId: '0'.repeat(32),
    entity,
    audience: world.deployment.uri('smf'),
    method,
    timeMs: Date.now(),
    nonce: freshNonce(),
    requestDigest: sha256(entityRequest),
  });
  return { ...NO_GROUP, entity, entityRequest, entityProof };
}

/** Of a gateway: at Server and SMF. */
const callsOf = ({ uri }: TestGateway): readonly Call[] => [
  {
    at: 'cpns-server',
    call: (to) =>
      to
        .client(GroupKeyDeliveryServiceService)
        .pullGroupKey({ ...NO_GROUP, version: 0n, entity: '', pageSize: 0, pageToken: '' }),
    letIn: 'NOT_FOUND',
  },
  {
    at: 'smf',
    call: (to) => to.client(MembershipServiceService).joinServiceGroup(joiningOf(uri)),
    // the Server has judged the relay before it looks for the key
    letIn: 'KEY_UNKNOWN',
  },
];

/** What was seen of one way in: the reason, and how long after the end's answer, milliseconds. */
interface Seen {
  readonly way: string;
  readonly reason: string;
  readonly late: number;
}

/** What is left open or called by one whose right ends. */
class Watched {
  readonly #open: { readonly way: string; readonly ended: Promise<{ reason: string; at: number }> }[] = [];
  readonly #calls: { readonly way: string; readonly call: () => Promise<string> }[] = [];

  constructor(private readonly replica: Replica) {}

  /** A stream that is open by now. */
  stream(way: string, stream: Promise<unknown>): void {
    this.#open.push({ way, ended: reasonOf(stream).then((reason) => ({ reason, at: Date.now() })) });
  }

  /** Makes the good call, and keeps its connection. */
  async call({ at, call, letIn }: Call, tls: Credential['tls']): Promise<void> {
    const same = world.connect(at, this.replica, tls);
    expect(await reasonOf(call(same))).toBe(letIn);
    this.#calls.push({ way: `${at}, same connection`, call: () => reasonOf(call(same)) });
    const fresh = () => reasonOf(call(world.connect(at, this.replica, tls)));
    this.#calls.push({ way: `${at}, new connection`, call: fresh });
  }

  /** Each way in, once the right has ended. */
  async afterEnd(answered: number): Promise<readonly Seen[]> {
    const calls = this.#calls.map(async ({ way, call }) => {
      let reason = await call();
      while (reason !== REVOKED && Date.now() - answered < 3 * WITHIN_MS) reason = await sleep(20).then(call);
      return { way, reason, late: Date.now() - answered };
    });
    const open = this.#open.map(async ({ way, ended }) => {
      const end = await Promise.race([ended, sleep(3 * WITHIN_MS, { reason: 'still open', at: Infinity })]);
      return { way, reason: end.reason, late: end.at - answered };
    });
    return Promise.all([...calls, ...open]);
  }
}

const expectRefused = (seen: readonly Seen[]): void => {
  process.stdout.write(`${seen.map(({ way, late }) => `  ${way}: ${late} ms\n`).join('')}`);
  expect(seen.filter(({ reason, late }) => reason !== REVOKED || late >= WITHIN_MS)).toEqual([]);
};

describe.each(REPLICAS)('at replica %s', (replica) => {
  const elsewhere = otherOf(replica);

  async function watchGateway(gateway: TestGateway): Promise<Watched> {
    const watched = new Watched(replica);
    for (const call of callsOf(gateway)) await watched.call(call, gateway.tls);
    const light = world.light(gateway);
    const [server, smf] = [world.address('cpns-server', replica), world.address('smf', replica)];
    watched.stream(
      'delivery channel',
      light.holdDeliveries(light.connect('cpns-server', server), () => undefined),
    );
    watched.stream('notice channel', light.holdNotices(light.connect('smf', smf)));
    await sleep(OPENING_MS);
    return watched;
  }
  const stillIn = async (gateway: TestGateway) => {
    for (const call of callsOf(gateway)) await new Watched(replica).call(call, gateway.tls);
  };

  it.each([
    ['revoked', true, (gateway: TestGateway) => world.revoke(gateway.uri, elsewhere)],
    ['replaced by a new enrolment', false, (gateway: TestGateway) => world.replace(gateway, elsewhere)],
  ])('a gateway that is %s', async (_how, isRevoked, end) => {
    const gateway = await world.gateway();
    const beside = await world.beside(gateway);
    const watched = await watchGateway(gateway);
    await end(gateway);
    expectRefused(await watched.afterEnd(Date.now()));
    expect(await world.isRevoked(gateway.uri, replica)).toBe(isRevoked);
    await stillIn(beside);
  });

  it.each(['secret', 'key-pair'] as const)(
    'a %s that a gateway assigned is not registered once it is revoked',
    async (form) => {
      const gateway = await world.gateway();
      const beside = await world.beside(gateway);
      const [before, after, others] = [
        await world.registration(gateway, form),
        await world.registration(gateway, form),
        await world.registration(beside, form),
      ];
      expect(await world.register(before, beside, replica)).toBe('accepted');
      await world.revoke(gateway.uri, elsewhere);
      const answered = Date.now();
      expect(await world.register(after, beside, replica)).toMatch(/REVOKED$/);
      expect(await world.register(after, gateway, replica)).toBe(REVOKED);
      expect(Date.now() - answered).toBeLessThan(WITHIN_MS);
      expect(await world.register(others, beside, replica)).toBe('accepted');
    },
  );

  const operatorCalls: readonly Call[] = [
    {
      at: 'cpns-server',
      call: (to) =>
        to.client(DeviceCapabilitiesServiceService).getCapabilities({ entity: 'cpns://pn0.testbed.example/pne/e' }),
      letIn: 'NOT_FOUND',
    },
    {
      at: 'smf',
      call: (to) => to.client(ServiceGroupServiceService).listServiceGroups({ pageSize: 1, pageToken: '' }),
      letIn: 'accepted',
    },
  ];
  const operator = (name: string) => issued(world.issuingCa, { profile: 'operator', uri: world.operatorUri(name) });

  it.each([
    [
      'by the certificate',
      (_name: string, { chain }: Credential) => ({ $case: 'certificate' as const, value: chain[0]! }),
    ],
    ['by the name', (name: string) => ({ $case: 'operator' as const, value: name })],
  ])('an operator who is ended %s', async (how, which) => {
    const name = `${how.replace(/\W/g, '-')}-${replica}`;
    const [his, other] = [await operator(name), await operator(`${name}-other`)];
    const watched = new Watched(replica);
    for (const call of operatorCalls) await watched.call(call, his.tls);
    await world.end(which(name, his), elsewhere);
    expectRefused(await watched.afterEnd(Date.now()));
    for (const call of operatorCalls) await new Watched(replica).call(call, other.tls);
  });

  const serviceCalls: Readonly<Record<string, Call>> = {
    smf: {
      at: 'cpns-server',
      call: (to) => to.client(EnrolmentServiceService).getGateway({ entity: 'cpns://pn0.testbed.example/pn-gw/gw' }),
      letIn: 'NOT_FOUND',
    },
    'cpns-server': {
      at: 'kmc',
      call: (to) => to.client(KmcServiceService).getKeyVersion({ ...NO_GROUP, version: 1n }),
      letIn: 'NOT_FOUND',
    },
  };

  it.each(Object.entries(serviceCalls))(
    'a certificate of %s that is ended, and none of its others',
    async (service, call) => {
      const make = () =>
        issued(world.issuingCa, { profile: 'service', uri: world.deployment.uri(service), dnsNames: ['localhost'] });
      const [stolen, other] = [await make(), await make()];
      const watched = new Watched(replica);
      await watched.call(call, stolen.tls);
      if (service === 'smf') {
        const { watchEndedCertificates } = world
          .connect('cpns-server', replica, stolen.tls)
          .client(CertificateServiceService);
        const read = async () => {
          for await (const part of watchEndedCertificates({})) if (part.ended.length < 0) break;
        };
        watched.stream('list of ended certificates', read());
        await sleep(OPENING_MS);
      }
      await world.end({ $case: 'certificate', value: stolen.chain[0]! }, elsewhere);
      expectRefused(await watched.afterEnd(Date.now()));
      await new Watched(replica).call(call, other.tls);
    },
  );
});
