/** CSR in to certificate out, against bare key import, verification and signature with the same keys. */
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import {
  checkRequestedName,
  createCsr,
  createDevelopmentPki,
  issueCertificate,
  localSigner,
  parseCsr,
  type Issuer,
} from '@cpns/certificate-issuance';
import { duration, systemClock, systemRandom } from '@cpns/core';
import { bareIssue } from './baseline-crypto';
import { compare, type Comparison } from './compare';

const ENTITY = 'cpns://pn1.bench.example/pne/device-1';
/** Bytes of a target entity's TBSCertificate, about. */
const TBS_BYTES = 420;

async function issueOnce(issuer: Issuer, der: Buffer): Promise<void> {
  const csr = parseCsr(der);
  checkRequestedName(csr, ENTITY);
  const notAfter = systemClock.now() + duration(1, 'day');
  await issueCertificate(
    issuer,
    { profile: 'target-entity', uri: ENTITY, key: csr.key, notAfter },
    { clock: systemClock, random: systemRandom },
  );
}

export async function benchIssuance(): Promise<Comparison> {
  const pki = await createDevelopmentPki({ trustDomain: 'bench.example' });
  const { issuer, privateKey: authority } = pki.serverEntityCa;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = await createCsr(localSigner(privateKey));
  const signed = systemRandom.bytes(TBS_BYTES);
  const request = {
    publicKey: createPublicKey(publicKey.export({ format: 'pem', type: 'spki' })).export({
      format: 'jwk',
    }),
    signed,
    signature: sign('sha256', signed, privateKey),
  };
  const tbs = systemRandom.bytes(TBS_BYTES);
  return compare(
    {
      name: 'issuance: CSR in, certificate out (P-256)',
      unit: 'certificates/s',
      batch: 200,
      rounds: 41,
      warmUp: 4,
      target: 0.7,
    },
    async (count) => {
      for (let i = 0; i < count; i++) await issueOnce(issuer, der);
    },
    (count) => {
      for (let i = 0; i < count; i++) bareIssue(request, tbs, authority.keyObject);
    },
  );
}
