/** protocol.md, "Admission", as the library computes it. */
import { HpkePrivateKey, SecondSeed, TokenPsk, TokenSecret } from '@cpns/core';
import * as derivation from '../index';
import * as cases from './vector-cases';
import { assignmentTerms, authKey, enrolReply, entityUserKey, hex, request, type Formula } from './vector-input';

export const admissionFormulas: readonly Formula[] = [
  {
    name: 'token-auth',
    formula: 'A = HKDF(T, empty, "cpns/v1/token-auth")',
    cases: cases.secretCases('tokenSecret'),
    compute: (i) => ({ authKey: hex(derivation.deriveTokenAuthKey(new TokenSecret(i.bytes('tokenSecret'))).expose()) }),
  },
  {
    name: 'token-psk',
    formula: 'P = HKDF(A, empty, "cpns/v1/token-psk")',
    cases: cases.secretCases('authKey'),
    compute: (i) => ({ psk: hex(derivation.deriveTokenPsk(authKey(i)).expose()) }),
  },
  {
    name: 'enrol-mac',
    formula:
      'HMAC(A, "cpns/v1/enrol" LP(token-id) LP(method) LP(E) LP(user) LP(gateway E) form-byte LP(SHA-256(key)) nonce)',
    cases: cases.enrolCases,
    compute: (i) => ({ mac: hex(derivation.enrolMac(authKey(i), { tokenId: i.text('tokenId'), ...request(i) })) }),
  },
  {
    name: 'assignment',
    formula:
      'HPKE mode_psk, psk = P, psk_id = token-id (renewal: the 16 bytes of key-id), info = "cpns/v1/assign" LP(E) LP(user) ' +
      'LP(gateway E) u64(not-after) LP(first-seed-id), plaintext = EUK, or EUK second-seed; ephemeral key = DeriveKeyPair(seed)',
    cases: cases.assignmentCases,
    compute: async (i) => {
      const secrets = {
        entityUserKey: entityUserKey(i),
        ...(i.has('secondSeed') ? { secondSeed: new SecondSeed(i.bytes('secondSeed')) } : {}),
      };
      const sealed = await derivation.sealAssignment(
        {
          psk: new TokenPsk(i.bytes('psk')),
          credential: i.credential(),
          terms: assignmentTerms(i),
          recipientKey: i.bytes('recipientPublicKey'),
          secrets,
        },
        i.random('ephemeralSeed'),
      );
      return { enc: hex(sealed.enc), ciphertext: hex(sealed.ciphertext) };
    },
    reverse: async (o, i) => {
      const { entityUserKey: opened, secondSeed } = await derivation.openAssignment({
        psk: new TokenPsk(i.bytes('psk')),
        credential: i.credential(),
        terms: assignmentTerms(i),
        privateKey: new HpkePrivateKey(i.bytes('recipientPrivateKey')),
        sealed: { enc: o.bytes('enc'), ciphertext: o.bytes('ciphertext') },
      });
      return {
        entityUserKey: hex(opened.expose()),
        ...(secondSeed === undefined ? {} : { secondSeed: hex(secondSeed.expose()) }),
      };
    },
  },
  {
    name: 'enrol-reply-mac',
    formula:
      'HMAC(A, "cpns/v1/enrol-reply" LP(token-id; renewal: the 16 bytes of key-id) LP(SHA-256(key)) nonce LP(SHA-256(DERs, leaf to root)))',
    cases: cases.enrolReplyCases,
    compute: (i) => ({ mac: hex(derivation.enrolReplyMac(authKey(i), enrolReply(i))) }),
  },
  {
    name: 'one-time-string',
    formula: '"cpns1." base64url(LP(token-id) T SHA-256(root DER) LP(E) LP(user) form-byte LP(peer SAN) LP(host:port))',
    cases: cases.oneTimeStringCases,
    compute: (i) => ({
      text: derivation.formatOneTimeString({
        tokenId: i.text('tokenId'),
        secret: new TokenSecret(i.bytes('tokenSecret')),
        rootDigest: i.bytes('rootDigest'),
        entity: i.text('entity'),
        user: i.text('user'),
        form: i.form(),
        peer: i.text('peer'),
        endpoint: i.text('endpoint'),
      }),
    }),
    reverse: (o) => {
      const { secret, rootDigest, ...names } = derivation.parseOneTimeString(o.text('text'));
      return { ...names, tokenSecret: hex(secret.expose()), rootDigest: hex(rootDigest) };
    },
  },
];
