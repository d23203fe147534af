import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openssl, withDirectory } from '@cpns/certificate-issuance/testing';
import { derToPem, dersToPem } from '@cpns/certificate-issuance';
import { AssignmentRequest, PnGatewayServiceService, type DeviceCapabilities } from '@cpns/contracts';
import { systemClock, systemRandom } from '@cpns/core';
import { parseOneTimeString, signBytes } from '@cpns/key-derivation';
import {
  acceptAssignment,
  acceptRegistration,
  prepareAssignment,
  prepareRegistration,
  registrationRequest,
  tokenChannel,
  type RegisteredKey,
} from '@cpns/pne-sdk';
import type { Deployment } from '@cpns/testing';
import { Wire } from '@cpns/testing/bad-input';

/** What its certificate has to hold, and what `openssl req -newkey` is asked for. */
export const KEY_KINDS = {
  'P-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'RSA-2048': ['-newkey', 'rsa:2048'],
  'RSA-3072': ['-newkey', 'rsa:3072'],
  Ed25519: ['-newkey', 'ed25519'],
} as const;
export type KeyKind = keyof typeof KEY_KINDS;

/** A key and a CSR that OpenSSL made, with nothing of ours. */
const opensslKey = (newKey: readonly string[]) =>
  withDirectory((directory) => {
    const [key, csr] = [join(directory, 'key.pem'), join(directory, 'csr.der')];
    const how = ['-nodes', '-subj', '/CN=not looked at', '-keyout', key, '-outform', 'DER', '-out', csr];
    const { status, stderr } = openssl(['req', '-new', ...newKey, ...how]);
    if (status !== 0) throw new Error(`openssl: ${stderr}`);
    const privateKeyPem = readFileSync(key);
    return { csr: readFileSync(csr), privateKey: createPrivateKey(privateKeyPem), privateKeyPem };
  });

export interface Holder extends RegisteredKey {
  readonly entity: string;
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** Reports capabilities over mutual TLS with the certificate. @returns when it was recorded */
  report(capabilities: DeviceCapabilities): Promise<number>;
}

/** Has a key of OpenSSL's certified and registered: the private key never leaves its file but to sign. */
export async function certifyOpensslKey(
  deployment: Deployment,
  { kind, assigner, gateway }: { readonly kind: KeyKind; readonly assigner: string; readonly gateway: string },
): Promise<Holder> {
  const id = `${kind}-${assigner === 'server' ? 'server' : 'gateway'}`.toLowerCase();
  const entity = deployment.entity('pn1', 'pne', id);
  const { oneTimeString } = await deployment.admit({ entity, form: 'key-pair', assigner, gateway });
  const key = opensslKey(KEY_KINDS[kind]);
  const oneTime = parseOneTimeString(oneTimeString);
  const pending = await prepareAssignment(oneTime, deployment.pki.rootDer, systemRandom, { csr: key.csr });
  const channel = tokenChannel(pending.admitted);
  try {
    const reply = await channel.assign(AssignmentRequest.decode(pending.request));
    const assigned = acceptAssignment(pending, reply, systemClock.now());
    if (assigned.form !== 'key-pair') throw new Error('a certificate was asked for');
    const sign = (x: Buffer) => signBytes(key.privateKey, x);
    const registering = await prepareRegistration(pending.admitted, assigned, systemRandom, sign);
    const confirmed = await channel.register(registrationRequest(pending.admitted, assigned, registering));
    const live = acceptRegistration(pending.admitted, assigned, registering, confirmed, systemClock.now());
    const tls = { root: derToPem(pending.admitted.root), cert: dersToPem(assigned.chain), key: key.privateKeyPem };
    const report = async (capabilities: DeviceCapabilities) => {
      const wire = new Wire(deployment.address(gateway, 'certificate'), tls);
      try {
        const { recordedAt } = await wire.call(PnGatewayServiceService.reportCapabilities, { capabilities });
        return Number(recordedAt);
      } finally {
        wire.close();
      }
    };
    return { ...live, entity, chain: assigned.chain, report };
  } finally {
    channel.close();
  }
}
