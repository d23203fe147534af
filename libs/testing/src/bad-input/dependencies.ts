/**
 * A dependency that is down (architecture, "Failure"): messages that are accepted before and after get UNAVAILABLE from the
 * service that needs it, in time, and leave nothing half-done.
 */
import { EntityUserKeyServiceService } from '@cpns/contracts';
import { freshNonce } from './drafts';
import { admission, admit } from './names';
import { BY_SERVER, provingCall } from './proofs';
import {
  ENROLLING,
  FORWARDED,
  freshRegistration,
  register,
  RELAYED,
  requestFor,
  type KeyRow,
  type RegistrationPort,
  type Stage,
} from './stages';
import type { CastWorld, Port } from './world';

/** For the calls of these rows, milliseconds: the answer has to come before it. */
const DEADLINE_MS = 2_000;

/** A message that may be sent now or later, as often as one likes, to the same effect. */
type Sending = readonly [id: string, at: Port, make: (world: CastWorld) => Promise<() => Promise<unknown>>];

const down = (dependency: string, sendings: readonly Sending[]): KeyRow[] =>
  sendings.map(([id, at, make]) => ({
    id: `${id}, ${dependency}`,
    item: 'a dependency that is down',
    at,
    expect: 'DEPENDENCY_UNAVAILABLE',
    prepare: async (world) => {
      const [good, twin] = [await make(world), await make(world)];
      return { good, bad: twin, after: twin, check: ({ elapsedMs }) => expect(elapsedMs).toBeLessThan(DEADLINE_MS) };
    },
  }));

const assigning = (id: string, stage: Stage, form = stage.form): Sending => [
  id,
  stage.at,
  async (world) => {
    const request = requestFor(stage, world, await stage.admit(world, { form }));
    return () => stage.send(world, request, undefined, DEADLINE_MS);
  },
];
const registering = (at: RegistrationPort): Sending => [
  'registration',
  at,
  async (world) => {
    const request = await freshRegistration(world);
    return () => register(world, at, request, DEADLINE_MS);
  },
];

const SECRET = assigning('assignment of a secret', FORWARDED);
const [REGISTRATION, REGISTRATION_AT_SERVER] = [registering('gateway token'), registering('Server certificate')];
/** Of a key that only the Server and the device hold: the gateway has to ask. */
const PROOF: Sending = [
  'proof of a key of the Server’s',
  'gateway token',
  (world) => provingCall(world, BY_SERVER, DEADLINE_MS),
];
const PROVISIONING: Sending = [
  'provisioning of a PN GW',
  'Server certificate',
  (world) => {
    const information = { $case: 'firstSeed' as const, value: { requestId: freshNonce() } };
    const { provisionGateway } = EntityUserKeyServiceService;
    const wire = world.wire('Server certificate', 'PN GW');
    return Promise.resolve(() => wire.call(provisionGateway, { information }, { deadlineMs: DEADLINE_MS }));
  },
];
const ADMISSION: Sending = [
  'admission',
  'Server certificate',
  (world) => {
    const request = admission(world);
    return Promise.resolve(() => admit(world, request, DEADLINE_MS));
  },
];

/** The gateway stands, and the Server that it asks does not. */
export const SERVER_STOPPED_ROWS = down('CPNS Server stopped', [
  SECRET,
  assigning('assignment of a certificate', FORWARDED, 'key-pair'),
  REGISTRATION,
  PROOF,
]);
/** Its port is open and does not answer: only a deadline helps. */
export const SERVER_HUNG_ROWS = down('CPNS Server hangs', [SECRET, REGISTRATION]);
/** The Server stands without its store; what it answers goes through the gateway as well. */
export const STORE_STOPPED_ROWS = down('Redis stopped', [
  SECRET,
  REGISTRATION,
  PROOF,
  assigning('assignment of a secret', RELAYED),
  assigning('enrolment of a PN GW', ENROLLING),
  REGISTRATION_AT_SERVER,
  PROVISIONING,
  ADMISSION,
]);
