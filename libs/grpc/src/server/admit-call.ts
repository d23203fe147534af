/**
 * What happens to every call before any of its messages is read, in this order. The first step that throws ends the call;
 * nothing after it runs.
 */
import { CpnsError, invalidArgument, unauthenticated, type Clock } from '@cpns/core';
import type { Metadata, ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { LRUCache } from 'lru-cache';
import { aboutCallersCertificate } from '../errors';
import type { IdentifyPeer, Peer } from '../peer';
import { checkRole } from '../roles';
import type { IncomingCall } from './incoming-call';
import type { ClientAuthentication } from './port-rules';

export interface Gate {
  readonly clients: ClientAuthentication;
  readonly identify: IdentifyPeer | undefined;
  readonly admitPeer: ((peer: Peer) => void | Promise<void>) | undefined;
  /** Peers by the fingerprint of their certificate: reading one costs more than the rest of a short call. */
  readonly peers: LRUCache<string, Peer>;
  /** Peers by HTTP/2 session: one TLS 1.3 connection, on which no other certificate can follow the first. */
  readonly sessions: WeakMap<object, Peer>;
  readonly clock: Clock;
  readonly stopping: () => boolean;
}

type Step = (call: IncomingCall, metadata: Metadata, gate: Gate) => void | Promise<void>;

const joinTrace: Step = (call, metadata) => call.begin(metadata);

const refuseUnserved: Step = ({ verdict }) => {
  if (verdict.kind === 'unserved') throw new CpnsError('UNIMPLEMENTED', 'this port does not serve that call');
};

const refuseWhenStopping: Step = ({ verdict }, _metadata, gate) => {
  if (verdict.kind === 'served' && gate.stopping())
    throw new CpnsError('SHUTTING_DOWN', 'the service is stopping; call another instance or try again');
};

const identifyPeer: Step = (call, _metadata, gate) => {
  if (call.verdict.kind !== 'served' || gate.clients === 'none') return undefined;
  const session = sessionOf(call.transport);
  const seen = session && gate.sessions.get(session);
  if (seen === undefined) return identifyAnew(call, session, gate);
  call.context.peer = seen;
  return undefined;
};

async function identifyAnew(call: IncomingCall, session: object | undefined, gate: Gate): Promise<void> {
  const certificate = call.transport.getAuthContext().sslPeerCertificate;
  if (certificate === undefined || gate.identify === undefined)
    throw unauthenticated('PEER_CERTIFICATE_REQUIRED', 'this port needs a client certificate');
  const known = gate.peers.get(certificate.fingerprint256);
  const peer = known ?? (await gate.identify(certificate.raw));
  if (known === undefined) gate.peers.set(certificate.fingerprint256, peer);
  if (session !== undefined) gate.sessions.set(session, peer);
  call.context.peer = peer;
}

/**
 * The HTTP/2 session that a call came in on, where the library's object shows it. To ask it for the certificate instead
 * has Node make a new description of it for every single call, which takes longer than all other steps together.
 */
function sessionOf(transport: ServerInterceptingCallInterface): object | undefined {
  const stream: unknown = Reflect.get(transport, 'stream');
  const session: unknown = typeof stream === 'object' && stream !== null ? Reflect.get(stream, 'session') : undefined;
  return typeof session === 'object' && session !== null ? session : undefined;
}

/** TLS looked at the certificate when the connection was made, which may be long ago. */
const refuseOutdatedPeer: Step = ({ context: { peer } }, _metadata, gate) => {
  if (peer !== undefined && gate.clock.now() > peer.notAfter)
    throw unauthenticated('CERTIFICATE_EXPIRED', 'your certificate has expired; renew it');
};

/** What may change while a certificate lives. The last step, so that a handler may begin beside it. */
const askForStanding: Step = ({ verdict, context }, _metadata, gate) => {
  const standing = context.peer && gate.admitPeer?.(context.peer);
  if (standing === undefined || verdict.kind !== 'served' || !verdict.runsDuringRevocationCheck) return standing;
  context.standing = standing.catch((error: unknown) => {
    throw aboutCallersCertificate(error);
  });
  // who answers the call awaits it; it may fail before that
  context.standing.catch(() => undefined);
  return undefined;
};

const checkRoleOfPeer: Step = ({ verdict, context: { peer } }) => {
  if (verdict.kind === 'served' && peer !== undefined) checkRole(verdict.rules, peer);
};

/** Marks what a step refuses, so that a caller that relays calls sees that it is meant and not who it relays for. */
const aboutThePeer =
  (step: Step): Step =>
  (call, metadata, gate) => {
    const refuse = (error: unknown): never => {
      throw aboutCallersCertificate(error);
    };
    try {
      return step(call, metadata, gate)?.catch(refuse);
    } catch (error) {
      return refuse(error);
    }
  };

/** A certificate and a proof may be of two entities: which of them calls is not for the port to choose. */
const refuseSecondCredential: Step = ({ verdict, hasProof, context: { peer } }) => {
  if (verdict.kind === 'served' && verdict.isEntityCall && peer !== undefined && hasProof)
    throw invalidArgument('CREDENTIAL_AMBIGUOUS', 'the call shows a certificate and a proof: show one of them');
};

const requireProof: Step = (call) => {
  if (call.verdict.kind === 'served' && call.verdict.needsProof && !call.hasProof)
    throw unauthenticated('PROOF_MISSING', 'this call needs a proof of the Entity-User Key, in cpns-proof-bin');
};

const STEPS: readonly Step[] = [
  joinTrace,
  refuseUnserved,
  refuseWhenStopping,
  aboutThePeer(identifyPeer),
  aboutThePeer(refuseOutdatedPeer),
  aboutThePeer(checkRoleOfPeer),
  refuseSecondCredential,
  requireProof,
  aboutThePeer(askForStanding),
];

/** @throws CpnsError when the call is refused */
export async function admit(call: IncomingCall, metadata: Metadata, gate: Gate): Promise<void> {
  for (const step of STEPS) {
    const deciding = step(call, metadata, gate);
    // most decide at once, and a promise costs more than they do
    if (deciding !== undefined) await deciding;
  }
}
