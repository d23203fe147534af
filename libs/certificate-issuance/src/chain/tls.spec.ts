/** What a TLS server in front of these certificates lets in: Node's own TLS 1.3, on the loopback, as the services use it. */
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { KeyObject } from 'node:crypto';
import { systemClock, systemRandom } from '@cpns/core';
import type { Issuer } from '../issue/issuer';
import {
  asAuthority,
  createDevelopmentPki,
  issueCredentials,
  privateKeyPem,
  type Credentials,
  type DevelopmentPki,
} from '../pki/development-pki';
import { dersToPem } from '../pki/pem';
import { CAMERA, GATEWAY, minted, OPERATOR, OTHER_CAMERA, TRUST_DOMAIN, uri, type Alteration } from '../testing';
import { createPeerClassifier } from './classify-peer-leaf';

// TLS asks the system for the time
const context = { clock: systemClock, random: systemRandom };
let pki: DevelopmentPki;
let gatewayCa: Issuer;
let service: Credentials;

beforeAll(async () => {
  pki = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN });
  const request = { profile: 'gateway-ca', uri: GATEWAY } as const;
  gatewayCa = asAuthority(await issueCredentials(pki.issuingCa, request, context)).issuer;
  service = await pki.issueService('cpns-server', { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
});

interface Client {
  readonly chain: readonly Buffer[];
  readonly key: KeyObject;
}

/**
 * One handshake, and what the server makes of the client: its role, or why its chain does not verify, or `turned away`.
 * @param strict as services are: whoever does not verify gets no connection
 */
function handshake({ chain, key }: Client, strict: boolean): Promise<string> {
  const classify = createPeerClassifier(pki.issuingCa.chain[0]!);
  const options = {
    cert: service.chainPem,
    key: privateKeyPem(service.privateKey),
    ca: pki.root.certificatePem,
    requestCert: true,
    rejectUnauthorized: strict,
    minVersion: 'TLSv1.3',
  } as const;
  return new Promise((resolve, reject) => {
    const server = createServer(options, (socket: TLSSocket) => {
      done(socket.authorized ? named(socket) : String(socket.authorizationError));
      socket.destroy();
    });
    const named = (socket: TLSSocket) => `role ${classify(socket.getPeerCertificate().raw, Date.now()).role}`;
    const done = (outcome: string) => server.close(() => resolve(outcome));
    server.on('tlsClientError', () => done('turned away'));
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      const client = { cert: dersToPem(chain.slice(0, -1)), key: key.export({ format: 'pem', type: 'pkcs8' }) };
      const socket = connect({ port, host: '127.0.0.1', ca: pki.root.certificatePem, ...client });
      // the server decides, after the client thinks that it is connected: it only sees the connection end
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET') reject(error);
      });
    });
  });
}

const entity = (issuer: Issuer, edit: Alteration = {}): Promise<Client> =>
  minted(issuer, { profile: 'target-entity', uri: CAMERA, ...edit });

describe('a TLS 1.3 handshake', () => {
  const byGateway = (edit: Alteration) => () => entity(gatewayCa, edit);
  // Node has no word for a breach of name constraints; openssl.spec.ts shows OpenSSL's own for the same chain
  const CASES: [string, string, () => Promise<Client>][] = [
    ['an entity that the Server keyed', 'role target-entity', () => entity(pki.serverEntityCa.issuer)],
    ['an entity that its gateway keyed', 'role target-entity', byGateway({})],
    ['an acting gateway', 'role pn-gw', issuedBy('gateway-identity', { dnsNames: ['gw.local'] })],
    ['certificate of another PN’s entity, by a gateway CA', 'UNSPECIFIED', byGateway({ uri: OTHER_CAMERA })],
    ['operator’s certificate, by a gateway CA', 'UNSPECIFIED', byGateway({ uri: OPERATOR })],
    [
      'certificate with a DNS name beside its URI',
      'UNSPECIFIED',
      byGateway({ names: [uri(CAMERA), { kind: 'dns', value: 'camera.example' }] }),
    ],
    ['gateway CA’s certificate as that of a caller', 'INVALID_PURPOSE', issuedBy('gateway-ca')],
    ['certificate under another root', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', strangersEntity],
  ];

  it.each(CASES)('%s', async (_what, verdict, make) => {
    const client = await make();
    const isLetIn = verdict.startsWith('role ');
    expect(await handshake(client, true)).toBe(isLetIn ? verdict : 'turned away');
    if (!isLetIn) expect(await handshake(client, false)).toBe(verdict);
  });

  function issuedBy(profile: 'gateway-ca' | 'gateway-identity', more: { dnsNames?: string[] } = {}) {
    return async (): Promise<Client> => {
      const { chain, privateKey } = await issueCredentials(pki.issuingCa, { profile, uri: GATEWAY, ...more }, context);
      return { chain, key: privateKey.keyObject };
    };
  }

  async function strangersEntity(): Promise<Client> {
    const other = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN });
    return entity(other.serverEntityCa.issuer);
  }
});
