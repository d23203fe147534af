/**
 * AssignEntityUserKey and RegisterEntityUserKey over TLS at a running PN GW, against a bare grpc-js server that answers the
 * same bytes to the same requests from the same client: same certificate, same concurrency, same warm-up.
 */
import { readFileSync } from 'node:fs';
import {
  AssignmentRequest,
  PnGatewayServiceService,
  type PnGatewayServiceAssignEntityUserKeyRequest as Assign,
  type PnGatewayServiceRegisterEntityUserKeyRequest as Register,
} from '@cpns/contracts';
import { systemClock, systemRandom } from '@cpns/core';
import { connectTo, type ClientMethods } from '@cpns/grpc';
import { parseOneTimeString, type KeyForm } from '@cpns/key-derivation';
import {
  acceptAssignment,
  needsRegistration,
  prepareAssignment,
  prepareRegistration,
  registrationRequest,
  type PendingAssignment,
} from '@cpns/pne-sdk';
import { Deployment } from '@cpns/testing';
import { concurrently } from './concurrently';
import { BareServer, type Answered } from './bare-server';
import { compare, type Comparison } from './compare';

const GATEWAY = 'pn1/gw1';
const SERVER = 'cpns-server';
const IN_FLIGHT = 8;
const SHAPE = { unit: 'calls/s', batch: 80, rounds: 9, warmUp: 6 } as const;
/** Every operation needs a token of its own. */
const OPERATIONS = SHAPE.batch * (SHAPE.rounds + SHAPE.warmUp) + 1;

const LANES: readonly { readonly what: string; readonly form: KeyForm; readonly assigner: string }[] = [
  { what: 'a secret by a gateway', form: 'secret', assigner: GATEWAY },
  { what: 'a secret by the Server', form: 'secret', assigner: 'server' },
  { what: 'a certificate by a gateway', form: 'key-pair', assigner: GATEWAY },
  { what: 'a certificate by the Server', form: 'key-pair', assigner: 'server' },
];

export interface CallsOptions {
  readonly store: 'embedded' | { readonly redis: string };
  readonly onProgress: (text: string) => void;
}

export async function benchCalls({ store, onProgress }: CallsOptions): Promise<Comparison[]> {
  const deployment = await Deployment.start({
    store,
    gateways: [{ pn: 'pn1', id: 'gw1' }],
    services: [SERVER],
    logLevel: 'warn',
    env: { [SERVER]: { CPNS_FIRST_SEED_MAX_ENTITIES: '100000' } },
  });
  try {
    const results: Comparison[] = [];
    for (const lane of LANES) {
      onProgress(`${lane.what}: admitting ${OPERATIONS} entities`);
      results.push(...(await benchLane(deployment, lane)));
    }
    return results;
  } finally {
    await deployment.stop();
  }
}

async function benchLane(deployment: Deployment, { what, form, assigner }: (typeof LANES)[number]) {
  const pending = new Map<Assign, PendingAssignment>();
  const ids = Array.from({ length: OPERATIONS }, (_, i) => `${form}-${assigner.replace('/', '-')}-${i}`);
  await concurrently(ids, IN_FLIGHT, async (id) => {
    const entity = deployment.entity('pn1', 'pne', id);
    const { oneTimeString } = await deployment.admit({ entity, form, assigner, gateway: GATEWAY });
    const made = await prepareAssignment(parseOneTimeString(oneTimeString), deployment.pki.rootDer, systemRandom);
    pending.set({ request: AssignmentRequest.decode(made.request) }, made);
  });
  const { assignEntityUserKey, registerEntityUserKey } = PnGatewayServiceService;
  const assigning = {
    name: `Assign of ${what}`,
    method: assignEntityUserKey,
    send: (client: Client, request: Assign) => client.assignEntityUserKey(request),
  };
  const assign = await measure(deployment, assigning, [...pending.keys()]);
  const registrations: Register[] = [];
  for (const [request, { admitted, ...made }] of pending) {
    const reply = assign.answers.get(request)?.reply;
    const assigned = acceptAssignment({ admitted, ...made }, reply, systemClock.now());
    if (!needsRegistration(assigned)) return [assign.found];
    const registration = await prepareRegistration(admitted, assigned, systemRandom);
    registrations.push({ request: registrationRequest(admitted, assigned, registration) });
  }
  const registering = {
    name: `Register of ${what}`,
    method: registerEntityUserKey,
    send: (client: Client, request: Register) => client.registerEntityUserKey(request),
  };
  const register = await measure(deployment, registering, registrations);
  return [assign.found, register.found];
}

type Client = ClientMethods<typeof PnGatewayServiceService>;

interface Rpc<Request, Answer> {
  readonly name: string;
  readonly method: Answered<Answer>;
  readonly send: (client: Client, request: Request) => Promise<Answer>;
}

/**
 * Both sides go through the same requests, each of ours once: a repetition would be answered from the store. The first shows
 * what is to be echoed.
 */
async function measure<Request, Answer>(
  deployment: Deployment,
  { name, method, send }: Rpc<Request, Answer>,
  requests: readonly Request[],
) {
  const root = readFileSync(deployment.pki.root);
  const connect = (address: string, peer: string) =>
    connectTo({ address, expectedPeer: deployment.uri(peer), tls: { root } });
  const gateway = connect(deployment.address(GATEWAY, 'token'), GATEWAY);
  const answers = new Map<Request, Answer>();
  const ours = async (request: Request) => {
    const answer = await send(gateway.client(PnGatewayServiceService), request);
    answers.set(request, answer);
    return answer;
  };
  const [first] = requests;
  if (first === undefined) throw new Error('nothing was prepared');
  const sample = await ours(first);
  const echo = await BareServer.start(deployment, method, sample, { mutual: false });
  const bare = connect(echo.address, SERVER);
  const baseline = (request: Request) => send(bare.client(PnGatewayServiceService), request);
  const side = (next: number, work: (request: Request) => Promise<Answer>) => (count: number) =>
    concurrently(requests.slice(next, (next += count)), IN_FLIGHT, work);
  const processes = { gateway: deployment.pid(GATEWAY), Server: deployment.pid(SERVER) };
  try {
    return { answers, found: await compare({ name, ...SHAPE, processes }, side(1, ours), side(0, baseline)) };
  } finally {
    gateway.close();
    bare.close();
    await echo.stop();
  }
}
