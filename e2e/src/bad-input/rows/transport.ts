/** What never becomes a call: plaintext, TLS 1.2, and certificates that TLS itself refuses (Q10; protocol.md, "Certificates"). */
import { createDevelopmentPki, pemToDers } from '@cpns/certificate-issuance';
import { opensslVerify } from '@cpns/certificate-issuance/testing';
import { operatorUri } from '@cpns/core';
import {
  issued,
  minted,
  misnamed,
  Refusal,
  refusalOf,
  row,
  Wire,
  WRONG_NAMES,
  type Caller,
  type Credential,
  type Port,
  type Shown,
  type WireTls,
} from '@cpns/testing/bad-input';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { contextOf, handshake, speaksPlaintext, type HandshakeOptions } from '../../support/handshake';
import type { Row } from '../phase';
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
  await wire.send(HEALTH_CHECK, Buffer.alloc(0)).finally(() => wire.close());
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
  const secure = () => credentials.createFromSecureContext(contextOf(how), { checkServerIdentity: () => undefined });
  const { code, details } = await refusalOf(() => check(address, how.version === undefined ? how : secure()));
  const end = await handshake(address, how);
  const objection = end === 'closed' && how.cert !== undefined ? `: ${objectionTo(how.cert, how.root)}` : '';
  throw new Refusal(code, `${end}${objection}`, {}, details);
}

async function refusedPlaintext(address: string): Promise<never> {
  const { code, details } = await refusalOf(() => check(address, credentials.createInsecure()));
  throw new Refusal(code, (await speaksPlaintext(address)) ? '' : 'no HTTP/2', {}, details);
}

/** What a client offers instead of what {@link WELCOME} says; nothing for no TLS. */
type Offer = (world: World, port: Port) => HandshakeOptions | Promise<HandshakeOptions>;
type HandshakeRow = readonly [...Shown, offer?: Offer];

/** Of a client that trusts this deployment's root. */
const showing =
  (make: (world: World) => Promise<Credential>): Offer =>
  async (world) => ({ ...(await make(world)).tls, root: world.callers.anonymous.root });
const profile = 'operator';
const uriOf = ({ trustDomain }: World) => operatorUri(trustDomain, 'admin');
const otherRoot = showing(async (world) => {
  const { issuingCa } = await createDevelopmentPki({ trustDomain: world.trustDomain });
  return issued(issuingCa.issuer, { profile, uri: uriOf(world) });
});
const expired = showing((world) =>
  minted(world.authorities.issuingCa, { profile, uri: uriOf(world), notAfter: Date.now() - 5_000 }),
);
const wrongName = (item: string) => WRONG_NAMES.find(([, of]) => of === item)!;
const [OTHER_PN, DNS_NAME] = [wrongName('a SAN of another PN'), wrongName('a DNS SAN')];
const named = ([, , mint]: typeof OTHER_PN) => showing((world) => misnamed(world, mint, world.entity()));
const tls12: Offer = ({ callers }, port) => ({ ...callers[WELCOME[port]], version: 'TLSv1.2' });

const anonymous: Offer = ({ callers }) => callers.anonymous;

const AT_EACH: readonly HandshakeRow[] = [
  ['HTTP/2 without TLS', 'plaintext', 'no HTTP/2'],
  ['TLS 1.2 at most', 'TLS 1.2', 'alert: protocol version', tls12],
];
const CA_ABOVE = 'a gateway CA’s certificate above its role';
const DOMAIN = 'a caller of the wrong trust domain';
const EXPIRED = 'closed: certificate has expired';
const WHERE_ASKED: readonly HandshakeRow[] = [
  ['no client certificate', 'a caller of the wrong role', 'alert: certificate required', anonymous],
  ['certificate under another root', DOMAIN, 'closed: unknown issuer', otherRoot],
  ['certificate that has expired', 'a token that is expired', EXPIRED, expired],
  ['gateway CA’s certificate as that of a caller', CA_ABOVE, 'closed: purpose', ({ probe }) => probe.caTls],
  [`${OTHER_PN[0]}, by a gateway CA`, OTHER_PN[1], 'closed: permitted subtree violation', named(OTHER_PN)],
  [DNS_NAME[0], DNS_NAME[1], 'closed: excluded subtree violation', named(DNS_NAME)],
];

export const TRANSPORT_ROWS: readonly Row[] = PORTS.flatMap((at) =>
  [...AT_EACH, ...(at.endsWith('certificate') ? WHERE_ASKED : [])].map(([id, item, expect, offer]) =>
    row<World>([id, item, expect], at, async (world) => {
      const address = world.address(at);
      const offered = await offer?.(world, at);
      return {
        good: () => check(address, world.callers[WELCOME[at]]),
        bad: () => (offered === undefined ? refusedPlaintext(address) : refusedInTls(address, offered)),
      };
    }),
  ),
);
