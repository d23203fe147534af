/**
 * A dependency that is down (architecture, "Failure"): messages that are accepted before and after get UNAVAILABLE from the
 * service that needs it, in time, and leave nothing half-done.
 */
import { EntityUserKeyServiceService } from '@cpns/contracts';
import { freshNonce, sealSecretRegistration } from './drafts';
import { admission, admit } from './names';
import { BY_SERVER, provingCall } from './proofs';
import { row } from './row';
import {
  ENROLLING,
  FORWARDED,
  freshSecretDraft,
  register,
  RELAYED,
  requestFor,
  TOKEN_AND_SERVER,
  type KeyRow,
  type Stage,
} from './stages';
import type { KeyWorld, Port } from './world';

/** For the calls of these rows, milliseconds: the answer has to come before it. */
const DEADLINE_MS = 2_000;

/** A message that may be sent now or later, as often as one likes, to the same effect. */
interface Sending {
  readonly id: string;
  readonly at: Port;
  readonly make: (world: KeyWorld) => Promise<() => Promise<unknown>>;
}

const down = ({ id, at, make }: Sending, dependency: string): KeyRow =>
  row({
    id: `${id}, ${dependency}`,
    item: 'a dependency that is down',
    at,
    expect: 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE',
    arrange: async (world: KeyWorld) => ({ unaltered: await make(world), twin: await make(world) }),
    good: ({ unaltered }) => unaltered(),
    bad: ({ twin }) => twin(),
    after: ({ twin }) => twin(),
    check: ({ elapsedMs }) => expect(elapsedMs).toBeLessThan(DEADLINE_MS),
  });

const assigning = (id: string, stage: Stage, form = stage.forms[0]!): Sending => ({
  id,
  at: stage.at,
  make: async (world) => {
    const request = requestFor(stage, world, await stage.admit(world, { form }));
    return () => stage.send(world, request, undefined, DEADLINE_MS);
  },
});
const SECRET = assigning('assignment of a secret', FORWARDED);
const CERTIFICATE = assigning('assignment of a certificate', FORWARDED, 'key-pair');
const [REGISTRATION, REGISTRATION_AT_SERVER] = TOKEN_AND_SERVER.map((at): Sending => ({
  id: 'registration',
  at,
  make: async (world) => {
    const request = sealSecretRegistration(await freshSecretDraft(world));
    return () => register(world, at, request, DEADLINE_MS);
  },
})) as [Sending, Sending];
/** Of a key that only the Server and the device hold: the gateway has to ask. */
const PROOF: Sending = {
  id: 'proof of a key of the Server’s',
  at: 'gateway token',
  make: (world) => provingCall(world, BY_SERVER, DEADLINE_MS),
};
const OF_SERVER: readonly Sending[] = [
  assigning('assignment of a secret', RELAYED),
  assigning('enrolment of a PN GW', ENROLLING),
  REGISTRATION_AT_SERVER,
  {
    id: 'provisioning of a PN GW',
    at: 'Server certificate',
    make: (world) => {
      const information = { $case: 'firstSeed' as const, value: { requestId: freshNonce() } };
      const { provisionGateway } = EntityUserKeyServiceService;
      const how = { deadlineMs: DEADLINE_MS };
      return Promise.resolve(() =>
        world.wire('Server certificate', 'PN GW').call(provisionGateway, { information }, how),
      );
    },
  },
  {
    id: 'admission',
    at: 'Server certificate',
    make: (world) => {
      const request = admission(world);
      return Promise.resolve(() => admit(world, request, DEADLINE_MS));
    },
  },
];

/** The gateway stands, and the Server that it asks does not. */
export const SERVER_STOPPED_ROWS = [SECRET, CERTIFICATE, REGISTRATION, PROOF].map((one) =>
  down(one, 'CPNS Server stopped'),
);
/** Its port is open and does not answer: only a deadline helps. */
export const SERVER_HUNG_ROWS = [SECRET, REGISTRATION].map((one) => down(one, 'CPNS Server hangs'));
/** The Server stands without its store; what it answers goes through the gateway as well. */
export const STORE_STOPPED_ROWS = [SECRET, REGISTRATION, PROOF, ...OF_SERVER].map((one) => down(one, 'Redis stopped'));
