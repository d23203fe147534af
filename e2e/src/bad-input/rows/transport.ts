/** What never becomes a call: plaintext, TLS 1.2, and certificates that TLS itself refuses (Q10; protocol.md, "Certificates"). */
import { createDevelopmentPki, derToPem, pemToDers } from '@cpns/certificate-issuance';
import { opensslVerify } from '@cpns/certificate-issuance/testing';
import { operatorUri } from '@cpns/core';
import {
  minted,
  Refusal,
  refusalOf,
  row,
  Wire,
  WRONG_NAMES,
  type Caller,
  type Credential,
  type Port,
  type WireTls,
} from '@cpns/testing/bad-input';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { contextOf, handshake, speaksPlaintext, type HandshakeOptions } from '../../support/handshake';
import type { Expectation, Item, Row } from '../row';
import type { World } from '../world';

const HEALTH_CHECK = '/grpc.health.v1.Health/Check';

/** The caller that TLS lets onto a port. */
const WELCOME: Readonly<Record<Port, Caller>> = {
  'gateway token': 'anonymous',
  'gateway certificate': 'target entity',
  'Server token': 'anonymous',
  'Server certificate': 'operator',
  'SMF certificate': 'operator',
  'KMC certificate': 'service cpns-server',
};
const PORTS = Object.keys(WELCOME) as Port[];

/** A health check over a connection of its own, which ends with it. */
async function check(address: string, how: WireTls | ChannelCredentials): Promise<void> {
  const wire = new Wire(address, how);
  try {
    await wire.send(HEALTH_CHECK, Buffer.alloc(0));
  } finally {
    wire.close();
  }
}

/** X509_V_ERR_* by their numbers, which stay the same; the texts differ between versions of OpenSSL. */
const OBJECTIONS: Readonly<Record<string, string>> = {
  10: 'certificate has expired',
  20: 'unknown issuer',
  26: 'purpose',
  47: 'permitted subtree violation',
  48: 'excluded subtree violation',
};

/** What the OpenSSL program has against a client's certificate, under the deployment's root. */
function objectionTo(certificate: NonNullable<WireTls['cert']>, root: WireTls['root']): string {
  const chain = [...pemToDers(String(certificate)).slice(0, -1), ...pemToDers(String(root))];
  const { accepted, text } = opensslVerify({ chain, at: Date.now() });
  const [, number = ''] = /^error (\d+) at/m.exec(text) ?? [];
  return accepted ? 'nothing' : (OBJECTIONS[number] ?? text.trim());
}

/** The call fails, and the reason is how the server ends a handshake of the same kind. */
async function refusedInTls(address: string, how: HandshakeOptions): Promise<never> {
  const dialled =
    how.version === undefined
      ? how
      : credentials.createFromSecureContext(contextOf(how), { checkServerIdentity: () => undefined });
  const { code, details, elapsedMs } = await refusalOf(() => check(address, dialled));
  const end = await handshake(address, how);
  const reason = end.kind === 'alert' ? `alert: ${end.alert}` : end.kind;
  const objection = end.kind === 'closed' && how.cert !== undefined ? `: ${objectionTo(how.cert, how.root)}` : '';
  throw new Refusal(code, `${reason}${objection}`, {}, details, elapsedMs);
}

async function refusedPlaintext(address: string): Promise<never> {
  const refusal = await refusalOf(() => check(address, credentials.createInsecure()));
  const reason = (await speaksPlaintext(address)) ? '' : 'no HTTP/2';
  throw new Refusal(refusal.code, reason, {}, refusal.details, refusal.elapsedMs);
}

/** What a client offers instead of what {@link WELCOME} says; nothing for no TLS. */
type Offer = (world: World, port: Port) => HandshakeOptions | Promise<HandshakeOptions>;

const handshakeRow = (id: string, item: Item, reason: Expectation['reason'], at: Port, offer?: Offer): Row =>
  row({
    id,
    item,
    at,
    expect: { code: 'UNAVAILABLE', reason } as const,
    arrange: async (world: World) => ({
      address: world.address(at),
      welcome: world.callers[WELCOME[at]],
      offered: await offer?.(world, at),
    }),
    good: ({ address, welcome }) => check(address, welcome),
    bad: ({ address, offered }) => (offered === undefined ? refusedPlaintext(address) : refusedInTls(address, offered)),
  });

const withTls =
  (make: (world: World) => Promise<Credential>): Offer =>
  async (world) => ({ ...(await make(world)).tls, root: world.callers.anonymous.root });

/** An operator's certificate under another root, for a client that trusts this deployment's. */
async function otherRoot({ trustDomain, callers }: World): Promise<HandshakeOptions> {
  const { chainPem, privateKey } = await (await createDevelopmentPki({ trustDomain })).issueOperator('testbed');
  return { root: callers.anonymous.root, cert: chainPem, key: derToPem(privateKey.expose(), 'PRIVATE KEY') };
}

const [OTHER_PN] = WRONG_NAMES.filter(({ item }) => item === 'a SAN of another PN');
const [DNS_NAME] = WRONG_NAMES.filter(({ item }) => item === 'a DNS SAN');
const misnamed = (wrong: typeof OTHER_PN): Offer =>
  withTls((world) => minted(world.probe.ca, wrong!.mint(world.entity())));

const atCertificatePort = (port: Port): Row[] => [
  handshakeRow(
    'no client certificate',
    'a caller of the wrong role',
    'alert: certificate required',
    port,
    ({ callers }) => callers.anonymous,
  ),
  handshakeRow(
    'certificate under another root',
    'a caller of the wrong trust domain',
    'closed: unknown issuer',
    port,
    otherRoot,
  ),
  handshakeRow(
    'certificate that has expired',
    'a token that is expired',
    'closed: certificate has expired',
    port,
    withTls(({ authorities, trustDomain }) =>
      minted(authorities.issuingCa, {
        profile: 'operator',
        uri: operatorUri(trustDomain, 'testbed'),
        notAfter: Date.now() - 5_000,
      }),
    ),
  ),
  handshakeRow(
    'gateway CA’s certificate as that of a caller',
    'a gateway CA’s certificate above its role',
    'closed: purpose',
    port,
    ({ probe }) => probe.caTls,
  ),
  handshakeRow(
    `${OTHER_PN!.id}, by a gateway CA`,
    'a SAN of another PN',
    'closed: permitted subtree violation',
    port,
    misnamed(OTHER_PN),
  ),
  handshakeRow(DNS_NAME!.id, 'a DNS SAN', 'closed: excluded subtree violation', port, misnamed(DNS_NAME)),
];

export const TRANSPORT_ROWS: readonly Row[] = PORTS.flatMap((port) => [
  handshakeRow('HTTP/2 without TLS', 'plaintext', 'no HTTP/2', port),
  handshakeRow('TLS 1.2 at most', 'TLS 1.2', 'alert: protocol version', port, ({ callers }) => ({
    ...callers[WELCOME[port]],
    version: 'TLSv1.2',
  })),
  ...(port.endsWith('certificate') ? atCertificatePort(port) : []),
]);
