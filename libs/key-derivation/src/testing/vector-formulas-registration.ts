/** protocol.md, "Registration", as the library computes it. */
import { HpkePrivateKey } from '@cpns/core';
import * as derivation from '../index';
import * as cases from './vector-cases';
import { confirmKey, hex, pairwiseTerms, t1, type Formula } from './vector-input';

export const registrationFormulas: readonly Formula[] = [
  {
    name: 'registration-t1',
    formula: 'T1 = LP(token-id) LP(first-seed-id) LP(gateway E) LP(E) LP(user) u64(not-after) second-seed nonce',
    cases: cases.registrationCases,
    compute: (i) => ({ t1: hex(t1(i)) }),
    reverse: (o) => {
      const { secondSeed, nonce, ...names } = derivation.parseRegistration(o.bytes('t1'));
      return { ...names, secondSeed: hex(secondSeed.expose()), nonce: hex(nonce) };
    },
  },
  {
    name: 'confirm-client-mac',
    formula: 'HMAC(confirm key, "cpns/v1/confirm-client" T1)',
    cases: cases.confirmationCases,
    compute: (i) => ({ mac: hex(derivation.confirmClientMac(confirmKey(i), t1(i))) }),
  },
  {
    name: 'confirm-server-mac',
    formula: 'HMAC(confirm key, "cpns/v1/confirm-server" T1)',
    cases: cases.confirmationCases,
    compute: (i) => ({ mac: hex(derivation.confirmServerMac(confirmKey(i), t1(i))) }),
  },
  {
    name: 'replace-mac',
    formula: 'HMAC(old confirm key, "cpns/v1/replace" T1)',
    cases: cases.confirmationCases,
    compute: (i) => ({ mac: hex(derivation.replaceMac(confirmKey(i), t1(i))) }),
  },
  {
    name: 'hpke-key-statement',
    formula: '"cpns/v1/hpke-key" LP(E) LP(token-id) LP(SHA-256(certificate DER)) LP(K)',
    cases: cases.hpkeKeyStatementCases,
    compute: (i) => ({
      statement: hex(
        derivation.hpkeKeyStatement({
          entity: i.text('entity'),
          tokenId: i.text('tokenId'),
          certificate: i.bytes('certificate'),
          hpkeKey: i.bytes('hpkeKey'),
        }),
      ),
    }),
  },
  {
    name: 'pairwise-statement',
    formula: '"cpns/v1/pairwise" LP(E) LP(SHA-256(certificate DER)) LP(K) LP(enc)',
    cases: cases.pairwiseStatementCases,
    compute: (i) => ({
      statement: hex(
        derivation.pairwiseStatement({
          entity: i.text('entity'),
          certificate: i.bytes('certificate'),
          hpkeKey: i.bytes('hpkeKey'),
          enc: i.bytes('enc'),
        }),
      ),
    }),
  },
  {
    name: 'pairwise-secret',
    formula:
      'HPKE mode_base, info = "cpns/v1/pairwise" LP(SHA-256(certificate DER)), S = export("cpns/v1/entity-user-key" LP(E) LP(user), 32); ' +
      'ephemeral key = DeriveKeyPair(seed)',
    cases: cases.pairwiseCases,
    compute: async (i) => {
      const key = i.bytes('recipientPublicKey');
      const { enc, secret } = await derivation.offerPairwise(pairwiseTerms(i), key, i.random('ephemeralSeed'));
      return { enc: hex(enc), secret: hex(secret.expose()) };
    },
    reverse: async (o, i) => {
      const privateKey = new HpkePrivateKey(i.bytes('recipientPrivateKey'));
      const secret = await derivation.acceptPairwise(pairwiseTerms(i), privateKey, o.bytes('enc'));
      // the secret is an output of either side, and the public key is what both start from
      if (hex(secret.expose()) !== o.text('secret')) throw new Error('the holder exports another secret');
      return { recipientPublicKey: hex(derivation.hpkePublicKey(privateKey)) };
    },
  },
  {
    name: 'hpke-key-pair',
    formula: 'DeriveKeyPair(seed) of RFC 9180, 7.1.3, DHKEM(P-256, HKDF-SHA256)',
    cases: cases.hpkeKeyPairCases,
    compute: async (i) => {
      const { privateKey, publicKey } = await derivation.generateHpkeKeyPair(i.random('seed'));
      return { privateKey: hex(privateKey.expose()), publicKey: hex(publicKey) };
    },
  },
];
