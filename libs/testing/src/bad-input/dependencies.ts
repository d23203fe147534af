/**
 * A dependency that is down (architecture, "Failure"): messages that are accepted before and after get UNAVAILABLE from the
 * service that needs it, before the caller's deadline, and leave nothing half-done.
 */
import { ASSIGN, PROVISION, REGISTER } from './callers';
import { admission, admit } from './names';
import { BY_SERVER, provingCall } from './proofs';
import { row } from './row';
import { ENROLLING, FORWARDED, freshRegistration, register, requestFor, type KeyRow, type Stage } from './stages';
import type { CastWorld, Port } from './world';

/** A message that may be sent now or later, as often as one likes, to the same effect. */
type Sending = readonly [id: string, at: Port, make: (world: CastWorld) => Promise<() => Promise<unknown>>];

const down = (dependency: string, sendings: readonly Sending[]): KeyRow[] =>
  sendings.map(([id, at, make]) =>
    row([`${id}, ${dependency}`, 'a dependency that is down', 'DEPENDENCY_UNAVAILABLE'], at, async (world) => {
      const [good, twin] = [await make(world), await make(world)];
      return { good, bad: twin, after: twin };
    }),
  );

const assigning = (id: string, stage: Stage, form = stage.form): Sending => {
  const make: Sending[2] = async (world) => {
    const request = requestFor(stage, world, await stage.admit(world, { form }));
    return () => stage.send(world, request);
  };
  return [id, stage.at, make];
};
/** What a PN GW calls at the Server. */
const byGateway = (id: string, { message, rightful }: typeof ASSIGN): Sending => {
  const make: Sending[2] = async (world) => {
    const send = await message(world);
    return () => send(world.wire('Server certificate', rightful));
  };
  return [id, 'Server certificate', make];
};
const registering: Sending[2] = async (world) => {
  const request = await freshRegistration(world);
  return () => register(world, 'gateway token', request);
};
const admitting: Sending[2] = (world) => {
  const request = admission(world);
  return Promise.resolve(() => admit(world, request));
};

const SECRET = assigning('assignment of a secret', FORWARDED);
const CERTIFICATE = assigning('assignment of a certificate', FORWARDED, 'key-pair');
const REGISTRATION: Sending = ['registration', 'gateway token', registering];
/** Of a key that only the Server and the device hold: the gateway has to ask. */
const PROOF: Sending = ['proof of a key of the Server’s', 'gateway token', (world) => provingCall(world, BY_SERVER)];
const AT_SERVER: readonly Sending[] = [
  byGateway('assignment of a secret', ASSIGN),
  assigning('enrolment of a PN GW', ENROLLING),
  byGateway('registration', REGISTER),
  byGateway('provisioning of a PN GW', PROVISION),
  ['admission', 'Server certificate', admitting],
];

/** The gateway stands, and the Server that it asks does not. */
export const SERVER_STOPPED_ROWS = down('CPNS Server stopped', [SECRET, CERTIFICATE, REGISTRATION, PROOF]);
/** Its port is open and does not answer: only a deadline helps. */
export const SERVER_HUNG_ROWS = down('CPNS Server hangs', [SECRET, REGISTRATION]);
/** The Server stands without its store; what it answers goes through the gateway as well. */
export const STORE_STOPPED_ROWS = down('Redis stopped', [SECRET, REGISTRATION, PROOF, ...AT_SERVER]);
