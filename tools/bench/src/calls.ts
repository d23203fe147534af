/**
 * AssignEntityUserKey and RegisterEntityUserKey over TLS at a running PN GW, against a bare grpc-js server that answers the
 * same bytes to the same requests from the same client: same certificate, same concurrency, same warm-up.
 */
import { readFileSync } from 'node:fs';
import {
  AssignmentRequest,
  PnGatewayServiceAssignEntityUserKeyResponse,
  PnGatewayServiceRegisterEntityUserKeyResponse,
  PnGatewayServiceService,
  type AssignmentReply,
  type RegistrationRequest,
} from '@cpns/contracts';
import { systemClock, systemRandom } from '@cpns/core';
import { connectTo, type ClientMethods } from '@cpns/grpc';
import { parseOneTimeString, type KeyForm } from '@cpns/key-derivation';
import {
  acceptAssignment,
  prepareAssignment,
  prepareRegistration,
  registrationRequest,
  type PendingAssignment,
} from '@cpns/pne-sdk';
import { Deployment } from '@cpns/testing';
import { BareServer } from './bare-server';
import { compare, type Comparison, type Plan } from './compare';
import { concurrently } from './concurrently';

const GATEWAY = 'pn1/gw1';
const IN_FLIGHT = 8;
const SHAPE = { unit: 'calls/s', batch: 40, rounds: 9, warmUp: 2 } as const;
/** Every operation needs a token of its own. */
const OPERATIONS = SHAPE.batch * (SHAPE.rounds + SHAPE.warmUp) + 1;

type Client = ClientMethods<typeof PnGatewayServiceService>;

interface Prepared {
  readonly pending: PendingAssignment;
  readonly request: AssignmentRequest;
}

async function prepare(deployment: Deployment, form: KeyForm, assigner: string): Promise<Prepared[]> {
  const prepared: Prepared[] = [];
  const ids = Array.from({ length: OPERATIONS }, (_, i) => `${form}-${assigner.replace('/', '-')}-${i}`);
  await concurrently(ids, IN_FLIGHT, async (id) => {
    const entity = deployment.entity('pn1', 'pne', id);
    const { oneTimeString } = await deployment.admit({ entity, form, assigner, gateway: GATEWAY });
    const pending = await prepareAssignment(parseOneTimeString(oneTimeString), deployment.pki.rootDer, systemRandom);
    prepared.push({ pending, request: AssignmentRequest.decode(pending.request) });
  });
  return prepared;
}

interface Lane {
  readonly name: string;
  readonly form: KeyForm;
  readonly assigner: string;
}

const LANES: readonly Lane[] = [
  { name: 'a secret, by the PN GW', form: 'secret', assigner: GATEWAY },
  { name: 'a certificate, by the PN GW', form: 'key-pair', assigner: GATEWAY },
  { name: 'a secret, by the Server through the PN GW', form: 'secret', assigner: 'server' },
];

export interface CallsOptions {
  readonly store: 'embedded' | { readonly redis: string };
  readonly onProgress: (text: string) => void;
}

export async function benchCalls({ store, onProgress }: CallsOptions): Promise<Comparison[]> {
  const deployment = await Deployment.start({
    store,
    gateways: [{ pn: 'pn1', id: 'gw1' }],
    services: ['cpns-server'],
    logLevel: 'warn',
    env: { 'cpns-server': { CPNS_FIRST_SEED_MAX_ENTITIES: '100000' } },
  });
  try {
    const results: Comparison[] = [];
    for (const lane of LANES) {
      onProgress(`${lane.name}: admitting ${OPERATIONS} entities`);
      results.push(...(await benchLane(deployment, lane)));
    }
    return results;
  } finally {
    await deployment.stop();
  }
}

async function benchLane(deployment: Deployment, lane: Lane): Promise<Comparison[]> {
  const prepared = await prepare(deployment, lane.form, lane.assigner);
  const root = readFileSync(deployment.pki.root);
  const connection = connectTo({
    address: deployment.address(GATEWAY, 'token'),
    expectedPeer: deployment.uri(GATEWAY),
    tls: { root },
  });
  const gateway = connection.client(PnGatewayServiceService);
  const replies = new Map<Prepared, AssignmentReply | undefined>();
  const assign = async (client: Client, one: Prepared) => {
    const { reply } = await client.assignEntityUserKey({ request: one.request });
    if (client === gateway) replies.set(one, reply);
  };
  try {
    const name = `AssignEntityUserKey: ${lane.name}`;
    const [sample] = prepared;
    if (sample === undefined) throw new Error('nothing was prepared');
    await assign(gateway, sample);
    const answer = PnGatewayServiceAssignEntityUserKeyResponse.encode({ reply: replies.get(sample) }).finish();
    const assigned = await besides(
      deployment,
      root,
      PnGatewayServiceService.assignEntityUserKey.path,
      Buffer.from(answer),
      (echo) =>
        turns(
          { name, ...SHAPE },
          prepared,
          (one) => assign(gateway, one),
          (one) => assign(echo, one),
        ),
    );
    if (lane.assigner === 'server' && lane.form === 'secret') return [assigned];
    return [assigned, await benchRegistration(deployment, lane, gateway, root, replies)];
  } finally {
    connection.close();
  }
}

async function benchRegistration(
  deployment: Deployment,
  lane: Lane,
  gateway: Client,
  root: Buffer,
  replies: ReadonlyMap<Prepared, AssignmentReply | undefined>,
): Promise<Comparison> {
  const requests: RegistrationRequest[] = [];
  for (const [{ pending }, reply] of replies) {
    const assigned = acceptAssignment(pending, reply, systemClock.now());
    requests.push(
      registrationRequest(
        pending.admitted,
        assigned,
        await prepareRegistration(pending.admitted, assigned, systemRandom),
      ),
    );
  }
  const [sample] = requests;
  const answer = PnGatewayServiceRegisterEntityUserKeyResponse.encode(
    await gateway.registerEntityUserKey({ request: sample }),
  ).finish();
  const register = async (client: Client, request: RegistrationRequest) => {
    await client.registerEntityUserKey({ request });
  };
  const name = `RegisterEntityUserKey: ${lane.name}`;
  return besides(deployment, root, PnGatewayServiceService.registerEntityUserKey.path, Buffer.from(answer), (echo) =>
    turns(
      { name, ...SHAPE },
      requests,
      (request) => register(gateway, request),
      (request) => register(echo, request),
    ),
  );
}

/** Lets `work` have the echo of one path beside the real thing. */
async function besides<T>(
  deployment: Deployment,
  root: Buffer,
  path: string,
  answer: Buffer,
  work: (echo: Client) => Promise<T>,
): Promise<T> {
  const echo = await BareServer.start(deployment, { answers: { [path]: answer }, mutual: false });
  const connection = connectTo({ address: echo.address, expectedPeer: deployment.uri('cpns-server'), tls: { root } });
  try {
    return await work(connection.client(PnGatewayServiceService));
  } finally {
    connection.close();
    echo.stop();
  }
}

/** Both sides go through the same requests, each of ours once: a repetition would be answered from the store. */
function turns<T>(
  plan: Plan,
  items: readonly T[],
  ours: (item: T) => Promise<void>,
  baseline: (item: T) => Promise<void>,
): Promise<Comparison> {
  let [next, echoed] = [1, 0];
  const take = (from: number, count: number) => items.slice(from, from + count);
  return compare(
    plan,
    async (count) => {
      const batch = take(next, count);
      next += count;
      await concurrently(batch, IN_FLIGHT, ours);
    },
    async (count) => {
      const batch = take(echoed, count);
      echoed += count;
      await concurrently(batch, IN_FLIGHT, baseline);
    },
  );
}
