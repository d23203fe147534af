/** What every service of the Server side has alike: an identity under the root, a store, records sealed in it. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { dersToPem, pemToDers, verifyChain } from '@cpns/certificate-issuance';
import { CpnsError, systemClock, serviceUri } from '@cpns/core';
import { HealthMonitor, peerIdentifier, type IdentifyPeer } from '@cpns/grpc';
import { openRecords, type Records, FileMasterKey, openStore, type Store } from '@cpns/store';
import type { Logger } from '@cpns/telemetry';
import { type Config, settings, type FileSetting, type StoreLocation } from '@cpns/settings';

/** Each from its `CPNS_*` variable. */
export const SERVER_SIDE_SETTINGS = {
  trustDomain: settings.trustDomain(),
  store: settings.store(),
  /** 32 bytes that wrap the data keys. */
  masterKeyFile: settings.file(),
  rootFile: settings.file(),
  /** The service's own certificate and those above it up to the root, PEM, leaf first. */
  tlsChainFile: settings.file(),
  tlsKeyFile: settings.file(),
  /** Decides which callers have a role. */
  issuingCaFile: settings.file(),
} as const;

export interface ServerSide {
  /** `cpns://<trust-domain>/service/<name>` */
  readonly uri: string;
  readonly identity: ServiceIdentity;
  readonly identify: IdentifyPeer;
  readonly store: Store;
  readonly records: Records;
  readonly health: HealthMonitor;
}

/** A service's own certificate and key. */
export interface ServiceIdentity {
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  readonly root: Buffer;
  readonly key: KeyObject;
  /** PEM, for TLS. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer; readonly ca: Buffer };
}

/** The URL of a store that a setting names. */
export const storeUrl = (location: StoreLocation): string =>
  location.kind === 'embedded' ? `embedded:${location.directory}` : location.url;

const wrong = (variable: string, problem: string, cause?: unknown) =>
  new CpnsError('CONFIGURATION_INVALID', `${variable} ${problem}`, { metadata: { setting: variable }, cause });

type ServerSideConfig = Config<typeof SERVER_SIDE_SETTINGS>;

/** @throws CpnsError CONFIGURATION_INVALID when certificate, key and root do not belong together, or name another service */
export function readServiceIdentity(config: ServerSideConfig, name: string): ServiceIdentity {
  const { rootFile, tlsChainFile, tlsKeyFile } = config;
  const root = readCertificate(rootFile, 'CPNS_ROOT_FILE');
  const chain = certificates(tlsChainFile.content, 'CPNS_TLS_CHAIN_FILE');
  const full = chain.at(-1)?.equals(root) ? chain : [...chain, root];
  const uri = serviceUri(config.trustDomain, name);
  const peer = verified(full, root);
  if (peer.role !== 'service' || peer.subject.name.uri !== uri)
    throw wrong('CPNS_TLS_CHAIN_FILE', `holds the certificate of another peer than ${uri}`);
  const key = privateKey(tlsKeyFile.content);
  if (!peer.key.keyObject.equals(createPublicKey(key)))
    throw wrong('CPNS_TLS_KEY_FILE', 'holds the key of another certificate');
  // token ports send their chain up to the root, whose digest is all that a new entity knows of it
  const cert = Buffer.from(dersToPem(full));
  return { chain: full, root, key, tls: { cert, key: tlsKeyFile.content, ca: rootFile.content } };
}

/**
 * Looks at the master key before a store is made that nobody could open.
 * @throws CpnsError CONFIGURATION_INVALID, which names the setting
 */
export async function checkMasterKeyFile({ path }: FileSetting): Promise<void> {
  try {
    await FileMasterKey.load(path);
  } catch (cause) {
    const why = cause instanceof CpnsError ? cause.message : 'it cannot be read';
    throw wrong('CPNS_MASTER_KEY_FILE', `does not do: ${why}`, cause);
  }
}

/** Identity, store and health of one service. @throws CpnsError CONFIGURATION_INVALID, DEPENDENCY_UNAVAILABLE */
export async function openServerSide(config: ServerSideConfig, name: string, logger: Logger): Promise<ServerSide> {
  const identity = readServiceIdentity(config, name);
  const issuingCaDer = readCertificate(config.issuingCaFile, 'CPNS_ISSUING_CA_FILE');
  if (!identity.chain.some((certificate) => certificate.equals(issuingCaDer)))
    throw wrong('CPNS_ISSUING_CA_FILE', 'is not the issuer of the certificate in CPNS_TLS_CHAIN_FILE');
  const identify = peerIdentifier({
    issuingCaDer,
    trustDomain: config.trustDomain,
    clock: systemClock,
  });
  await checkMasterKeyFile(config.masterKeyFile);
  const store = await openStore(storeUrl(config.store), {
    onError: (error) => logger.warn('store failed behind the calls', { error }),
  });
  const records = await openRecords({
    store,
    service: name,
    masterKeyFile: config.masterKeyFile.path,
  });
  const health = new HealthMonitor({ checks: [{ name: 'store', check: () => store.ping() }], logger });
  return { uri: serviceUri(config.trustDomain, name), identity, identify, store, records, health };
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
