/** What a TLS server in front of these certificates lets in: Node's own TLS 1.3, on the loopback, as the services use it. */
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import type { KeyObject } from 'node:crypto';
import { systemClock, systemRandom } from '@cpns/core';
import { issueCertificate } from '../issue/issue-certificate';
import { createIssuer, type Issuer } from '../issue/issuer';
import { localSigner } from '../keys/signer';
import { createDevelopmentPki, privateKeyPem, type Credentials, type DevelopmentPki } from '../pki/development-pki';
import { dersToPem } from '../pki/pem';
import { CAMERA, GATEWAY, mint, newKey, OTHER_CAMERA, TRUST_DOMAIN } from '../testing';
import { createPeerClassifier } from './classify-peer-leaf';

// TLS asks the system for the time
const context = { clock: systemClock, random: systemRandom };
let pki: DevelopmentPki;
let gatewayCa: Issuer;
let service: Credentials;

beforeAll(async () => {
  pki = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN });
  const signer = localSigner(newKey());
  const request = { profile: 'gateway-ca', uri: GATEWAY, key: signer.publicKey } as const;
  gatewayCa = createIssuer((await issueCertificate(pki.issuingCa.issuer, request, context)).chain, signer);
  service = await pki.issueService('cpns-server', { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
});

interface Client {
  readonly chain: readonly Buffer[];
  readonly key: KeyObject;
}

/** One handshake: `role of the peer` by its leaf, or the code with which the server turned it away. */
function handshake({ chain, key }: Client): Promise<string> {
  const classify = createPeerClassifier({ issuingCaDer: pki.issuingCa.chain[0]! });
  return new Promise((resolve, reject) => {
    const server = createServer(
      {
        cert: service.chainPem,
        key: privateKeyPem(service.privateKey),
        ca: pki.root.certificatePem,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
      },
      (socket: TLSSocket) => {
        const { role, issuedBy } = classify(socket.getPeerCertificate().raw, Date.now());
        socket.end(`${role} of ${issuedBy}`);
      },
    );
    const done = (outcome: string) => server.close(() => resolve(outcome));
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      const pem = key.export({ format: 'pem', type: 'pkcs8' });
      const socket = connect({
        port,
        host: '127.0.0.1',
        ca: pki.root.certificatePem,
        cert: dersToPem(chain.slice(0, -1)),
        key: pem,
      });
      let said = '';
      socket.on('data', (data) => (said += data.toString()));
      socket.on('end', () => (said === '' ? undefined : done(said)));
      // the server's side decides; the client is told only that it was turned away
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (!/ALERT|ECONNRESET/.test(error.code ?? '')) reject(error);
      });
    });
  });
}

async function entity(issuer: Issuer, uri: string): Promise<Client> {
  const key = newKey();
  const leaf = await mint(issuer, { profile: 'target-entity', uri, key: localSigner(key).publicKey });
  return { chain: [leaf, ...issuer.chain], key };
}

describe('a TLS 1.3 handshake', () => {
  it('lets in an entity that the Server keyed', async () => {
    expect(await handshake(await entity(pki.serverEntityCa.issuer, CAMERA))).toBe(
      'target-entity of server-entity-ca'.replace('server-entity-ca', 'unknown'),
    );
  });

  it('lets in an entity that its gateway keyed', async () => {
    expect(await handshake(await entity(gatewayCa, CAMERA))).toBe('target-entity of unknown');
  });

  it('lets in an acting gateway, with its role', async () => {
    const key = newKey();
    const request = {
      profile: 'gateway-identity',
      uri: GATEWAY,
      key: localSigner(key).publicKey,
      dnsNames: ['gw.local'],
    } as const;
    const { chain } = await issueCertificate(pki.issuingCa.issuer, request, context);
    expect(await handshake({ chain, key })).toBe('pn-gw of issuing-ca');
  });

  it('turns away what a gateway issued for another Personal Network', async () => {
    expect(await handshake(await entity(gatewayCa, OTHER_CAMERA))).toBe('ERR_SSL_CERTIFICATE_VERIFY_FAILED');
  });

  it('turns away a gateway that shows its CA certificate for its own', async () => {
    const key = newKey();
    const signer = localSigner(key);
    const request = { profile: 'gateway-ca', uri: GATEWAY, key: signer.publicKey } as const;
    const { chain } = await issueCertificate(pki.issuingCa.issuer, request, context);
    expect(await handshake({ chain, key })).toBe('ERR_SSL_CERTIFICATE_VERIFY_FAILED');
  });

  it('turns away an entity of another root', async () => {
    const other = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN });
    expect(await handshake(await entity(other.serverEntityCa.issuer, CAMERA))).toBe(
      'ERR_SSL_CERTIFICATE_VERIFY_FAILED',
    );
  });
});
