/**
 * EUK-FORM-P with every kind of key, in a request that OpenSSL makes, assigned by either side; and Q2: a pre-shared key that
 * is imported and used.
 */
import { randomBytes } from 'node:crypto';
import { derToPem, dersToPem, KEY_KINDS, parseCertificate, type KeyKind } from '@cpns/certificate-issuance';
import { newKey, opensslVerify } from '@cpns/certificate-issuance/testing';
import { AssignmentRequest, KeyState, PnGatewayServiceService } from '@cpns/contracts';
import { duration, EntityUserKey, systemRandom } from '@cpns/core';
import { METADATA } from '@cpns/grpc';
import { deriveConfirmKey, deriveKeyId, parseOneTimeString, sha256, signBytes } from '@cpns/key-derivation';
import {
  acceptAssignment,
  acceptRegistration,
  prepareAssignment,
  prepareRegistration,
  registrationRequest,
  tokenChannel,
} from '@cpns/pne-sdk';
import { Deployment, CAPABILITIES } from '@cpns/testing';
import { freshNonce, opensslCsr, sealProof, Wire } from '@cpns/testing/bad-input';

const GATEWAY = 'pn1/gw1';
const PAIRS = KEY_KINDS.flatMap((kind) => ['server', GATEWAY].map((assigner) => [kind, assigner] as const));

let deployment: Deployment;

beforeAll(async () => {
  deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'gw1' }], services: ['cpns-server'] });
});
afterAll(() => deployment.stop());

/** Has a key certified and registered, of which only the signatures come to the SDK. */
async function certified(entity: string, assigner: string, kind: KeyKind) {
  const { oneTimeString } = await deployment.admit({ entity, form: 'key-pair', assigner, gateway: GATEWAY });
  const key = newKey(kind);
  const { csr } = opensslCsr([], key);
  const { rootDer } = deployment.pki;
  const pending = await prepareAssignment(parseOneTimeString(oneTimeString), rootDer, systemRandom, { csr });
  const { admitted } = pending;
  const channel = tokenChannel(admitted);
  try {
    const reply = await channel.assign(AssignmentRequest.decode(pending.request));
    const assigned = acceptAssignment(pending, reply, Date.now());
    if (assigned.form !== 'key-pair') throw new Error('a certificate was asked for');
    const sign = (x: Buffer) => signBytes(key, x);
    const registering = await prepareRegistration(admitted, assigned, systemRandom, sign);
    const { reply: confirmed } = await channel.register(registrationRequest(admitted, assigned, registering));
    const { keyId, secret } = acceptRegistration(admitted, assigned, registering, confirmed, Date.now());
    const { chain } = assigned;
    const tls = { root: derToPem(admitted.root), cert: dersToPem(chain) };
    return { keyId, secret, chain, tls: { ...tls, key: key.export({ type: 'pkcs8', format: 'pem' }) } };
  } finally {
    channel.close();
  }
}

describe('keys of every kind', () => {
  it.each(PAIRS)('a CSR with a key of %s, assigned by %s', async (kind, assigner) => {
    const entity = deployment.entity('pn1', 'pne', `${kind}-${assigner.replace('/', '-')}`.toLowerCase());
    const { keyId, secret, chain, tls } = await certified(entity, assigner, kind);
    expect(parseCertificate(chain[0]!).keyKind).toBe(kind);
    expect(opensslVerify({ chain, at: Date.now() })).toMatchObject({ accepted: true });
    const { key } = await deployment.operator.entityUserKeys.getEntityUserKey({ entity });
    const expectedAssigner = deployment.uri(assigner === 'server' ? 'cpns-server' : GATEWAY);
    expect(key).toMatchObject({ state: KeyState.KEY_STATE_LIVE, assigner: expectedAssigner });
    expect(key?.keyId.toString('hex')).toBe(keyId);
    // over mutual TLS with the certificate
    const wire = new Wire(deployment.address(GATEWAY, 'certificate'), tls);
    const before = Date.now();
    const { reportCapabilities } = PnGatewayServiceService;
    const report = { capabilities: CAPABILITIES };
    const proof = sealProof({
      confirmKey: deriveConfirmKey(secret),
      ...{ keyId, entity, audience: deployment.uri('cpns-server'), method: reportCapabilities.path },
      ...{ timeMs: before, nonce: freshNonce() },
      requestDigest: sha256(reportCapabilities.requestSerialize(report)),
    });
    const reporting = wire.call(reportCapabilities, report, { metadata: { [METADATA.entityProof]: proof } });
    const { recordedAt } = await reporting.finally(() => wire.close());
    expect(Number(recordedAt)).toBeGreaterThanOrEqual(before - duration(1, 'second'));
  });

  it('a pre-shared key, imported at the Server and used by the device (Q2)', async () => {
    const preSharedKey = randomBytes(32);
    const entity = deployment.entity('pn1', 'pne', 'pre-shared');
    const device = { entity, gateway: GATEWAY, preSharedKey } as const;
    // before the import the device has a key that no service knows
    await expect(deployment.device(device)).rejects.toThrow('KEY_UNKNOWN');
    const keyId = await deployment.operator.importKey(entity, '', preSharedKey, duration(1, 'day'));
    const { result } = await deployment.device(device);
    expect(keyId.toString('hex')).toBe(deriveKeyId(new EntityUserKey(preSharedKey)));
    expect(result).toMatchObject({ entity, form: 'secret', keyId: keyId.toString('hex') });
  });
});
