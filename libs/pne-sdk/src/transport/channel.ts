/**
 * The first contact of an entity that knows nothing but its one-time string: token ports send their chain up to the root,
 * and the string holds that root's digest (protocol.md, "Admission"). Nothing is sent over this connection but the
 * handshake, and nothing else is learnt from it; every later one is verified under the root that was found.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { CHAIN_MAX_LENGTH, derToPem } from '@cpns/certificate-issuance';
import {
  type AssignmentReply,
  type AssignmentRequest,
  EntityUserKeyServiceService,
  type PnGatewayServiceRegisterEntityUserKeyResponse,
  PnGatewayServiceService,
  type RegistrationRequest,
} from '@cpns/contracts';
import { type Backoff, backoffAfter, type Clock, CpnsError, unauthenticated, unavailable } from '@cpns/core';
import { connectTo } from '@cpns/grpc';
import { checkSize, DIGEST_BYTES, sha256 } from '@cpns/key-derivation';
import { type Admitted, METHODS } from '../protocol/admitted';

/** What an entity that is not yet known asks of its peer. Both requests authenticate themselves. */
export interface Channel {
  /** URI of the peer, verified in TLS on each call. */
  readonly peer: string;
  assign(request: AssignmentRequest): Promise<AssignmentReply | undefined>;
  register(request: RegistrationRequest): Promise<PnGatewayServiceRegisterEntityUserKeyResponse>;
  close(): void;
}

/** Opens a channel; nothing is dialled before its first call. */
export type OpenChannel = (admitted: Admitted) => Channel;

/** The token port of the peer that the one-time string names, under the root that it names. */
export const tokenChannel: OpenChannel = ({ endpoint, peer, root, role }) => {
  const connection = connectTo({ address: endpoint, expectedPeer: peer, tls: { root: derToPem(root) } });
  const close = () => connection.close();
  if (role === 'pn-gw') {
    const server = connection.client(EntityUserKeyServiceService);
    return {
      peer,
      assign: async (request) => (await server.assignEntityUserKey({ request, method: METHODS.enrolGateway })).reply,
      register: () =>
        Promise.reject(new CpnsError('INTERNAL', 'a PN GW is known by its enrolment and registers nothing')),
      close,
    };
  }
  const gateway = connection.client(PnGatewayServiceService);
  return {
    peer,
    assign: async (request) => (await gateway.assignEntityUserKey({ request })).reply,
    register: (request) => gateway.registerEntityUserKey({ request }),
    close,
  };
};

/** For the whole handshake, milliseconds. */
const TIMEOUT_MS = 5_000;

export interface FetchRootOptions {
  /** Milliseconds; 5,000 by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * @param endpoint `host:port` of a token port
 * @param rootDigest SHA-256 of the root's DER, 32 bytes
 * @returns DER of the root
 * @throws CpnsError PEER_UNEXPECTED when the peer sends no self-signed certificate with that digest;
 *   DEPENDENCY_UNAVAILABLE when it does not answer, or not in TLS 1.3
 */
export async function fetchRoot(
  endpoint: string,
  rootDigest: Uint8Array,
  options: FetchRootOptions = {},
): Promise<Buffer> {
  checkSize(rootDigest, DIGEST_BYTES, 'root digest');
  const sent = await chainOf(endpoint, options);
  const root = sent.find((certificate) => sha256(certificate.raw).equals(rootDigest));
  if (root === undefined || !isSelfSigned(root))
    throw unauthenticated('PEER_UNEXPECTED', 'the peer does not stand under the root that the one-time string names', {
      metadata: { endpoint },
    });
  return Buffer.from(root.raw);
}

const isSelfSigned = (certificate: X509Certificate): boolean =>
  certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);

function dialOptions(endpoint: string): ConnectionOptions {
  const at = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return {
    host,
    port: Number(endpoint.slice(at + 1)),
    minVersion: 'TLSv1.3',
    // who the peer is says the digest; a chain to a root that is not known yet cannot be verified
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
}

async function chainOf(endpoint: string, { timeoutMs = TIMEOUT_MS, signal }: FetchRootOptions) {
  const noAnswer = (cause: unknown) =>
    unavailable('DEPENDENCY_UNAVAILABLE', 'the peer that the one-time string names does not answer; try again', {
      metadata: { dependency: endpoint },
      cause,
    });
  if (signal?.aborted === true) throw noAnswer(signal.reason);
  const socket = connect(dialOptions(endpoint));
  const abort = () => socket.destroy(new Error('given up'));
  signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => socket.destroy(new Error(`no handshake in ${timeoutMs} ms`)), timeoutMs);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      // stays for what comes after the handshake, which is of no interest any more
      socket.on('error', reject);
      socket.once('close', () => reject(new Error('the connection was closed')));
    });
    return certificatesOf(socket);
  } catch (cause) {
    throw noAnswer(cause);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    socket.destroy();
  }
}

/** What the peer sent, leaf first, as far as each was issued by the next. */
function certificatesOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  // a self-signed root is its own issuer: the bound ends the walk as well as the missing issuer does
  while (next !== undefined && chain.length < CHAIN_MAX_LENGTH) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

const isUnavailable = ({ code }: CpnsError): boolean => code === 'UNAVAILABLE';

const PAUSES: Backoff = { first: 100, longest: 2_000 };

export interface Patience {
  /** How long to go on while a dependency does not answer, milliseconds; 0 for one attempt. */
  readonly waitMs: number;
  readonly clock: Clock;
  /** Pause between attempts; a test moves its clock instead. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
  /** Which refusals may be over in a moment; UNAVAILABLE unless said. */
  readonly isPassing?: (error: CpnsError) => boolean;
  /** Told before each pause. */
  readonly onRetry?: (error: CpnsError, pauseMs: number) => void;
}

/**
 * Repeats a call that the other side may not have got, while it says UNAVAILABLE, or may not know of yet: every other answer is
 * one. The last attempt is not before the end of the wait.
 * @throws what the last attempt threw
 */
export async function withPatience<T>(patience: Patience, attempt: () => Promise<T>): Promise<T> {
  const { waitMs, clock, pause = sleep, isPassing = isUnavailable, onRetry } = patience;
  const until = clock.now() + waitMs;
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      const left = until - clock.now();
      if (!(error instanceof CpnsError) || !isPassing(error) || left <= 0) throw error;
      const pauseMs = Math.min(backoffAfter(PAUSES, attempts), left);
      onRetry?.(error, pauseMs);
      await pause(pauseMs);
    }
  }
}
