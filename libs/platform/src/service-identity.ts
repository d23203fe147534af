/** Who a service of the Server side is: its certificate under the root, its key, and how it tells who calls. */
import { dersToPem, pemToDers, verifyChain } from '@cpns/certificate-issuance';
import { CpnsError, serviceUri, systemClock } from '@cpns/core';
import { peerIdentifier, type IdentifyPeer } from '@cpns/grpc';
import { settings, type Config, type FileSetting } from '@cpns/settings';
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { OwnIdentity } from './own-identity';

/** Each from its `CPNS_*` variable. */
export const IDENTITY_SETTINGS = {
  trustDomain: settings.trustDomain(),
  rootFile: settings.file(),
  /** The service's own certificate and those above it up to the root, PEM, leaf first. */
  tlsChainFile: settings.file(),
  tlsKeyFile: settings.file(),
  /** Decides which callers have a role. */
  issuingCaFile: settings.file(),
} as const;

/** A service's own certificate and key. `uri` is `cpns://<trust-domain>/service/<name>`. */
export abstract class ServiceIdentity extends OwnIdentity {
  abstract readonly trustDomain: string;
  /** DER, leaf to root. */
  abstract readonly chain: readonly Buffer[];
  /** DER. */
  abstract readonly root: Buffer;
  abstract readonly key: KeyObject;
  /** PEM, for TLS. */
  abstract readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer };
  /** Who a caller's certificate says that it is. */
  abstract readonly identify: IdentifyPeer;
}

const wrong = (variable: string, problem: string, cause?: unknown) =>
  new CpnsError('CONFIGURATION_INVALID', `${variable} ${problem}`, { metadata: { setting: variable }, cause });

/**
 * @param name of the service
 * @throws CpnsError CONFIGURATION_INVALID when certificate, key, issuing CA and root do not belong together, or name
 *   another service
 */
export function readServiceIdentity(config: Config<typeof IDENTITY_SETTINGS>, name: string): ServiceIdentity {
  const { trustDomain, rootFile, tlsChainFile, tlsKeyFile, issuingCaFile } = config;
  const root = readCertificate(rootFile, 'CPNS_ROOT_FILE');
  const given = certificates(tlsChainFile.content, 'CPNS_TLS_CHAIN_FILE');
  const chain = given.at(-1)?.equals(root) ? given : [...given, root];
  const uri = serviceUri(trustDomain, name);
  const peer = verified(chain, root);
  if (peer.role !== 'service' || peer.subject.name.uri !== uri)
    throw wrong('CPNS_TLS_CHAIN_FILE', `holds the certificate of another peer than ${uri}`);
  const key = privateKey(tlsKeyFile.content);
  if (!peer.key.keyObject.equals(createPublicKey(key)))
    throw wrong('CPNS_TLS_KEY_FILE', 'holds the key of another certificate');
  const issuingCaDer = readCertificate(issuingCaFile, 'CPNS_ISSUING_CA_FILE');
  if (!chain.some((certificate) => certificate.equals(issuingCaDer)))
    throw wrong('CPNS_ISSUING_CA_FILE', 'is not the issuer of the certificate in CPNS_TLS_CHAIN_FILE');
  const identify = peerIdentifier({ issuingCaDer, trustDomain, clock: systemClock });
  // token ports send their chain up to the root, whose digest is all that a new entity knows of it
  const cert = Buffer.from(dersToPem(chain));
  return { uri, trustDomain, chain, root, key, tls: { cert, key: tlsKeyFile.content, ca: rootFile.content }, identify };
}

function certificates(pem: Buffer, variable: string): Buffer[] {
  try {
    return pemToDers(pem.toString('utf8'));
  } catch (cause) {
    throw wrong(variable, 'holds no PEM certificates', cause);
  }
}

/** The one certificate of a setting, DER. @throws CpnsError CONFIGURATION_INVALID */
export function readCertificate({ content }: FileSetting, variable: string): Buffer {
  const [first, ...others] = certificates(content, variable);
  if (first === undefined || others.length > 0) throw wrong(variable, 'holds another number of certificates than one');
  return first;
}

function verified(chain: readonly Buffer[], root: Buffer) {
  try {
    return verifyChain({ chain, root, now: systemClock.now() });
  } catch (cause) {
    const why = cause instanceof CpnsError ? `: ${cause.message}` : '';
    throw wrong('CPNS_TLS_CHAIN_FILE', `does not lead to the root of CPNS_ROOT_FILE${why}`, cause);
  }
}

function privateKey(pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw wrong('CPNS_TLS_KEY_FILE', 'holds no private key in PEM', cause);
  }
}
