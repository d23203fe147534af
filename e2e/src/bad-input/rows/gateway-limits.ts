/** What a PN GW has of limited life: 1st seeds that were put in at manufacture (Q2, Q8), and keys that it assigned. */
import {
  EnrolmentServiceService,
  PnGatewayServiceReportCapabilitiesRequest,
  PnGatewayServiceService,
} from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import { deriveConfirmKey, deriveKeyId, parseOneTimeString, PROOF_METADATA, sha256 } from '@cpns/key-derivation';
import { acceptAssignment, prepareAssignment, type AssignedSecret } from '@cpns/pne-sdk';
import { AssignmentRequest } from '@cpns/contracts';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freshNonce, sealProof, sealSecretRegistration } from '../../support/drafts';
import { Wire } from '../../support/wire';
import { row, type Row } from '../row';
import type { World } from '../world';

/** The gateway whose 1st seeds are few, and the one whose are of short life as its keys are. */
export const FEW = { pn: 'pn2', id: 'gw2' } as const;
export const SHORT = { pn: 'pn3', id: 'gw3' } as const;
/** Of the keys that {@link SHORT} assigns, milliseconds. */
export const SHORT_KEY_MS = 6_000;
const SHORT_SEED_MS = 4_000;

type Gateway = typeof FEW | typeof SHORT;
const nameOf = ({ pn, id }: Gateway) => `${pn}/${id}`;

/** An entity of the gateway's PN, admitted for a secret from it. */
async function admit(world: World, gateway: Gateway) {
  const name = nameOf(gateway);
  const entity = world.entity(gateway.pn);
  const { oneTimeString } = await world.deployment.admit({ entity, form: 'secret', assigner: name, gateway: name });
  const pending = await prepareAssignment(
    parseOneTimeString(oneTimeString),
    world.deployment.pki.rootDer,
    systemRandom,
  );
  return { entity, pending, request: AssignmentRequest.decode(pending.request) };
}

/** The token port of a gateway, for one call. */
async function at<T>(world: World, gateway: Gateway, use: (wire: Wire) => Promise<T>): Promise<T> {
  const wire = new Wire(world.deployment.address(nameOf(gateway), 'token'), { root: world.root });
  try {
    return await use(wire);
  } finally {
    wire.close();
  }
}

type Admission = Awaited<ReturnType<typeof admit>>;

const assign = async (world: World, gateway: Gateway, { request, pending }: Admission): Promise<AssignedSecret> => {
  const { reply } = await at(world, gateway, (wire) =>
    wire.call(PnGatewayServiceService.assignEntityUserKey, { request }),
  );
  const assigned = acceptAssignment(pending, reply, Date.now());
  if (assigned.form !== 'secret') throw new Error('a secret was asked for');
  return assigned;
};

/** Puts a 1st seed into a gateway's directory and tells the Server of it; the gateway uses it from then on. */
async function manufacture(world: World, gateway: Gateway, assignFor: number, maxEntities: number): Promise<string> {
  const firstSeedId = `made-${randomBytes(6).toString('hex')}`;
  const firstSeed = randomBytes(32);
  writeFileSync(join(world.seedDirectory, `${firstSeedId}.hex`), firstSeed.toString('hex'), { mode: 0o600 });
  const name = nameOf(gateway);
  const now = Date.now();
  await world.wire('Server certificate', 'operator').call(EnrolmentServiceService.importFirstSeed, {
    gateway: world.deployment.uri(name),
    firstSeedId,
    firstSeed,
    assignUntil: BigInt(now + assignFor),
    registerUntil: BigInt(now + 3_600_000),
    maxEntities,
  });
  await world.delivered(name);
  return firstSeedId;
}

interface Seeded {
  readonly world: World;
  readonly firstSeedId: string;
  readonly first: Admission;
  readonly second: Admission;
}

/** While the Server is away there is no other 1st seed to be had. */
const seedRow = (
  gateway: Gateway,
  spec: Pick<Row, 'id' | 'item'> & {
    readonly reason: 'FIRST_SEED_SPENT' | 'FIRST_SEED_EXPIRED';
    readonly assignFor: number;
    readonly maxEntities: number;
  },
): Row =>
  row<Seeded>({
    id: `${spec.id}, CPNS Server stopped (assignment)`,
    item: spec.item,
    clause: 'Q8',
    at: 'gateway token',
    expect: { code: 'FAILED_PRECONDITION', reason: spec.reason },
    arrange: async (world) => {
      const [first, second] = [await admit(world, gateway), await admit(world, gateway)];
      return { world, first, second, firstSeedId: await manufacture(world, gateway, spec.assignFor, spec.maxEntities) };
    },
    good: async ({ world, first, firstSeedId }) => {
      const { seed } = await assign(world, gateway, first);
      if (seed?.firstSeedId !== firstSeedId) throw new Error('the gateway uses another 1st seed');
      await sleep(Math.min(spec.assignFor, SHORT_SEED_MS));
    },
    // it looks for another seed once, and remembers under which id: that is its own state, whoever asks
    prelude: async ({ world, second }) => {
      await assign(world, gateway, second).catch(() => undefined);
    },
    bad: ({ world, second }) => assign(world, gateway, second),
    // with the Server comes another 1st seed
    after: ({ world, second }) => assign(world, gateway, second),
  });

export const GATEWAY_SEED_ROWS: readonly Row[] = [
  seedRow(FEW, {
    id: 'first seed that has served as many as it may',
    item: 'a first seed that is spent',
    reason: 'FIRST_SEED_SPENT',
    assignFor: 3_600_000,
    maxEntities: 1,
  }),
  seedRow(SHORT, {
    id: 'first seed past assign-until',
    item: 'a first seed that is expired',
    reason: 'FIRST_SEED_EXPIRED',
    assignFor: SHORT_SEED_MS,
    maxEntities: 10,
  }),
];

interface Proving {
  readonly world: World;
  readonly prove: () => Promise<unknown>;
}

const MESSAGE = Buffer.from(
  PnGatewayServiceReportCapabilitiesRequest.encode({
    capabilities: { linkSecurity: 2, keyStorage: 1, softwareVersion: '1.0.0' },
  }).finish(),
);

/** A device with a key that its gateway assigned, registered, and a way to prove it. */
async function proving(world: World): Promise<Proving> {
  const admission = await admit(world, SHORT);
  const { secret, seed, notAfter } = await assign(world, SHORT, admission);
  if (seed === undefined) throw new Error('the gateway assigned without a seed');
  const { entity, pending } = admission;
  const gateway = world.deployment.uri(nameOf(SHORT));
  const terms = {
    ...seed,
    tokenId: pending.admitted.tokenId,
    gateway,
    entity,
    user: '',
    notAfter,
    nonce: freshNonce(),
  };
  const request = sealSecretRegistration({ terms, secret });
  await at(world, SHORT, (wire) => wire.call(PnGatewayServiceService.registerEntityUserKey, { request }));
  const { path: method } = PnGatewayServiceService.reportCapabilities;
  const proof = () =>
    sealProof({
      confirmKey: deriveConfirmKey(secret),
      keyId: deriveKeyId(secret),
      entity,
      timeMs: Date.now(),
      nonce: freshNonce(),
      audience: gateway,
      method,
      requestDigest: sha256(MESSAGE),
    });
  const prove = () =>
    at(world, SHORT, (wire) => wire.send(method, MESSAGE, { metadata: { [PROOF_METADATA]: proof() } }));
  return { world, prove };
}

/** The gateway's own key, past its not-after. */
export const EXPIRED_KEY_ROW: Row = row<Proving>({
  id: 'key that has expired (verified by the gateway)',
  item: 'a token that is expired',
  clause: 'protocol, Proof of a secret',
  at: 'gateway token',
  expect: { code: 'FAILED_PRECONDITION', reason: 'KEY_EXPIRED' },
  arrange: proving,
  good: async ({ prove }) => {
    await prove();
    await sleep(SHORT_KEY_MS);
  },
  bad: ({ prove }) => prove(),
});
