/** What never becomes a call: plaintext, TLS 1.2, and certificates that TLS itself refuses (Q10; protocol.md, "Certificates"). */
import { createDevelopmentPki, derToPem, pemToDers } from '@cpns/certificate-issuance';
import { opensslVerify } from '@cpns/certificate-issuance/testing';
import { PnGatewayServiceService } from '@cpns/contracts';
import { operatorUri } from '@cpns/core';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { minted, type Credential } from '../../support/credentials';
import { contextOf, handshake, speaksPlaintext, type HandshakeOptions } from '../../support/handshake';
import { Refusal, Wire, type WireTls } from '../../support/wire';
import { refusalOf, row, type Expectation, type Item, type Row } from '../row';
import type { Caller, Port, World } from '../world';
import { WRONG_NAMES } from './certificates';
import { assignCertificate } from './assignment-stage';

const HEALTH_CHECK = '/grpc.health.v1.Health/Check';
const NOTHING = Buffer.alloc(0);

/** Whom TLS lets onto a port. */
const WELCOME: Readonly<Record<Port, Caller>> = {
  'gateway token': 'anonymous',
  'gateway certificate': 'target entity',
  'Server token': 'anonymous',
  'Server certificate': 'operator',
  'SMF certificate': 'operator',
  'KMC certificate': 'service cpns-server',
};
const PORTS: readonly Port[] = ['gateway token', 'gateway certificate', 'Server token', 'Server certificate'];
const GROUP_PORTS: readonly Port[] = ['SMF certificate', 'KMC certificate'];
const CERTIFICATE_PORTS: readonly Port[] = ['gateway certificate', 'Server certificate'];

/** A health check over a connection of its own, which ends with it. */
async function check(address: string, how: WireTls | ChannelCredentials): Promise<void> {
  const wire = new Wire(address, how);
  try {
    await wire.send(HEALTH_CHECK, NOTHING);
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
function objectionTo(certificate: NonNullable<WireTls['cert']>, root: Buffer): string {
  const chain = [...pemToDers(String(certificate)).slice(0, -1), root];
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
  const objection = end.kind === 'closed' && how.cert !== undefined ? `: ${objectionTo(how.cert, rootDer(how))}` : '';
  throw new Refusal(code, `${reason}${objection}`, {}, details, elapsedMs);
}

const rootDer = ({ root }: WireTls): Buffer => {
  const [der] = pemToDers(String(root));
  if (der === undefined) throw new Error('the root is a certificate');
  return der;
};

async function refusedPlaintext(address: string): Promise<never> {
  const refusal = await refusalOf(() => check(address, credentials.createInsecure()));
  const reason = (await speaksPlaintext(address)) ? '' : 'no HTTP/2';
  throw new Refusal(refusal.code, reason, {}, refusal.details, refusal.elapsedMs);
}

interface Handshake {
  readonly id: string;
  readonly item: Item;
  readonly clause: string;
  readonly reason: Extract<Expectation['reason'], `${'alert' | 'closed'}: ${string}`>;
  /** What the client offers instead of what {@link WELCOME} says. */
  readonly as: (world: World, port: Port) => HandshakeOptions | Promise<HandshakeOptions>;
}

interface Dialled {
  readonly address: string;
  readonly welcome: WireTls;
  readonly other: HandshakeOptions;
}

const handshakeRow = ({ id, item, clause, reason, as }: Handshake, at: Port): Row =>
  row<Dialled>({
    id,
    item,
    clause,
    at,
    expect: { code: 'UNAVAILABLE', reason },
    arrange: async (world) => ({
      address: world.address(at),
      welcome: world.callers[WELCOME[at]],
      other: await as(world, at),
    }),
    good: ({ address, welcome }) => check(address, welcome),
    bad: ({ address, other }) => refusedInTls(address, other),
  });

const plaintextRow = (at: Port): Row =>
  row<Dialled>({
    id: 'HTTP/2 without TLS',
    item: 'plaintext',
    clause: 'Q10',
    at,
    expect: { code: 'UNAVAILABLE', reason: 'no HTTP/2' },
    arrange: (world) => {
      const welcome = world.callers[WELCOME[at]];
      return Promise.resolve({ address: world.address(at), welcome, other: welcome });
    },
    good: ({ address, welcome }) => check(address, welcome),
    bad: ({ address }) => refusedPlaintext(address),
  });

const TLS12: Handshake = {
  id: 'TLS 1.2 at most',
  item: 'TLS 1.2',
  clause: 'Q10',
  reason: 'alert: protocol version',
  as: (world, port) => ({ ...world.callers[WELCOME[port]], version: 'TLSv1.2' }),
};

const withTls =
  (make: (world: World, port: Port) => Promise<Credential>): Handshake['as'] =>
  async (world, port) => ({ ...(await make(world, port)).tls, root: world.root });

const CERTIFICATES: readonly Handshake[] = [
  {
    id: 'no client certificate',
    item: 'a caller of the wrong role',
    clause: 'Q10',
    reason: 'alert: certificate required',
    as: ({ callers }) => callers.anonymous,
  },
  {
    id: 'certificate under another root',
    item: 'a caller of the wrong trust domain',
    clause: 'Q10',
    reason: 'closed: unknown issuer',
    as: async ({ deployment, root }) => {
      const pki = await createDevelopmentPki({ trustDomain: deployment.trustDomain });
      const { chainPem, privateKey } = await pki.issueOperator('testbed');
      return { root, cert: chainPem, key: derToPem(privateKey.expose(), 'PRIVATE KEY') };
    },
  },
  {
    id: 'certificate that has expired',
    item: 'a token that is expired',
    clause: 'RFC 5280, 4.1.2.5',
    reason: 'closed: certificate has expired',
    as: withTls(({ authorities, deployment }) =>
      minted(authorities.issuingCa, {
        profile: 'operator',
        uri: operatorUri(deployment.trustDomain, 'testbed'),
        notAfter: Date.now() - 5_000,
      }),
    ),
  },
  {
    id: 'gateway CA’s certificate as that of a caller',
    item: 'a gateway CA’s certificate above its role',
    clause: 'protocol, Certificates',
    reason: 'closed: purpose',
    as: ({ probe, root }) => ({ root, cert: probe.caTls.cert ?? '', key: probe.caTls.key ?? '' }),
  },
  {
    id: 'certificate of another PN’s entity, by a gateway CA',
    item: 'a SAN of another PN',
    clause: 'protocol, Certificates',
    reason: 'closed: permitted subtree violation',
    as: withTls(({ probe, deployment }) =>
      minted(probe.ca, { profile: 'target-entity', uri: deployment.entity('pn2', 'pne', 'e1') }),
    ),
  },
  {
    id: 'operator’s certificate, by a gateway CA',
    item: 'a gateway CA’s certificate above its role',
    clause: 'protocol, Certificates',
    reason: 'closed: permitted subtree violation',
    as: withTls(({ probe, deployment }) =>
      minted(probe.ca, { profile: 'target-entity', uri: operatorUri(deployment.trustDomain, 'testbed') }),
    ),
  },
];

/** Names that the constraints of a gateway CA rule out. */
const EXCLUDED: readonly Handshake[] = WRONG_NAMES.filter(({ item }) => item === 'a DNS SAN').map(
  ({ id, item, mint }) => ({
    id,
    item,
    clause: 'protocol, Certificates',
    reason: 'closed: excluded subtree violation',
    as: withTls((world) => minted(world.probe.ca, mint(world.entity()))),
  }),
);

/** Names that TLS has no quarrel with, on the port that asks who is there. */
const wrongName = ({ id, item, mint }: (typeof WRONG_NAMES)[number]): Row =>
  row<{ world: World; tls: WireTls; request: () => Promise<unknown> }>({
    id: `${id}, in TLS`,
    item,
    clause: 'protocol, Names',
    at: 'gateway certificate',
    expect: { code: 'UNAUTHENTICATED', reason: 'PEER_IDENTITY_INVALID' },
    arrange: async (world) => {
      const token = await world.admit({ form: 'key-pair', assigner: 'gateway' });
      return {
        world,
        tls: (await minted(world.probe.ca, mint(token.entity))).tls,
        request: () => assignCertificate(world, token),
      };
    },
    good: ({ world }) => world.wire('gateway certificate', 'target entity').send(HEALTH_CHECK, NOTHING),
    bad: ({ world, tls }) =>
      world
        .wireAs('gateway certificate', tls)
        .call(PnGatewayServiceService.assignEntityUserKey, { request: undefined }),
    after: ({ request }) => request(),
  });

export const TRANSPORT_ROWS: readonly Row[] = [
  ...PORTS.map(plaintextRow),
  ...PORTS.map((port) => handshakeRow(TLS12, port)),
  ...[...CERTIFICATES, ...EXCLUDED].flatMap((one) => CERTIFICATE_PORTS.map((port) => handshakeRow(one, port))),
  ...WRONG_NAMES.filter(({ item }) => item !== 'a DNS SAN' && item !== 'a SAN of another PN').map(wrongName),
];

/** The same at the services that Service Groups take. */
export const GROUP_TRANSPORT_ROWS: readonly Row[] = GROUP_PORTS.flatMap((port) => [
  plaintextRow(port),
  ...[TLS12, ...CERTIFICATES, ...EXCLUDED].map((one) => handshakeRow(one, port)),
]);
