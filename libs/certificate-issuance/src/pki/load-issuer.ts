import { createPrivateKey, type KeyObject } from 'node:crypto';
import { invalidArgument } from '@cpns/core';
import { DerError } from '../der/asn1';
import { createIssuer, type Issuer } from '../issue/issuer';
import { WeakKeyError } from '../keys/public-key';
import { localSigner, type Signer } from '../keys/signer';
import { pemToDers } from './pem';

/**
 * A private key in PEM, PKCS #8 or the older forms, unencrypted.
 * @throws CpnsError CONFIGURATION_INVALID
 */
export function loadSigner(keyPem: string): Signer {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: keyPem, format: 'pem' });
  } catch {
    // not given on as the cause: what OpenSSL says may quote what it read
    throw invalidArgument('CONFIGURATION_INVALID', 'the private key is not an unencrypted key in PEM');
  }
  try {
    return localSigner(key);
  } catch (cause) {
    if (cause instanceof WeakKeyError || cause instanceof DerError)
      throw invalidArgument(
        'CONFIGURATION_INVALID',
        'the private key is of another kind than P-256, RSA-2048, RSA-3072, Ed25519',
        { cause },
      );
    throw cause;
  }
}

/**
 * An authority from its files.
 * @param certificatePem its certificate, and after it those above it up to the root, as far as replies carry them
 * @throws CpnsError CERTIFICATE_MALFORMED, CERTIFICATE_ROLE, CONFIGURATION_INVALID
 */
export const loadIssuer = (certificatePem: string, keyPem: string): Issuer =>
  createIssuer(pemToDers(certificatePem), loadSigner(keyPem));
