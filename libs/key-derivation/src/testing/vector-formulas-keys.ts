/** protocol.md, "Entity-User Key", "Renewal" and "Proof of a secret", as the library computes them. */
import { FirstSeed, SecondSeed } from '@cpns/core';
import * as derivation from '../index';
import * as cases from './vector-cases';
import {
  assignmentTerms,
  confirmKey,
  entityUserKey,
  hex,
  proofCall,
  request,
  secondSeedTerms,
  type Formula,
} from './vector-input';

export const entityUserKeyFormulas: readonly Formula[] = [
  {
    name: 'second-seed',
    formula: 'HKDF(first seed, 16 random bytes, "cpns/v1/second-seed" LP(first-seed-id) LP(gateway E) LP(E) LP(user))',
    cases: cases.secondSeedCases,
    compute: (i) => ({
      secondSeed: hex(
        derivation.deriveSecondSeed(new FirstSeed(i.bytes('firstSeed')), i.bytes('salt'), secondSeedTerms(i)).expose(),
      ),
    }),
  },
  {
    name: 'entity-user-key',
    formula:
      'HKDF(first seed, second seed, "cpns/v1/entity-user-key" LP(first-seed-id) LP(gateway E) LP(E) LP(user) u64(not-after))',
    cases: cases.entityUserKeyCases,
    compute: (i) => {
      const [first, second] = [new FirstSeed(i.bytes('firstSeed')), new SecondSeed(i.bytes('secondSeed'))];
      return { entityUserKey: hex(derivation.deriveEntityUserKey(first, second, assignmentTerms(i)).expose()) };
    },
  },
  {
    name: 'key-id',
    formula: 'HKDF(S, empty, "cpns/v1/key-id", 16)',
    cases: cases.secretCases('entityUserKey'),
    compute: (i) => ({ keyId: derivation.deriveKeyId(entityUserKey(i)) }),
  },
  {
    name: 'confirm-key',
    formula: 'HKDF(S, empty, "cpns/v1/confirm")',
    cases: cases.secretCases('entityUserKey'),
    compute: (i) => ({ confirmKey: hex(derivation.deriveConfirmKey(entityUserKey(i)).expose()) }),
  },
  {
    name: 'wrap-key',
    formula: 'HKDF(S, empty, "cpns/v1/group-key-wrap" LP(group-id) u64(version) LP(E))',
    cases: cases.wrapKeyCases,
    compute: (i) => {
      const terms = { groupId: i.text('groupId'), version: BigInt(i.text('version')), entity: i.text('entity') };
      return { wrapKey: hex(derivation.deriveWrapKey(entityUserKey(i), terms).expose()) };
    },
  },
];

export const renewalAndProofFormulas: readonly Formula[] = [
  {
    name: 'renew-auth',
    formula: 'A = HKDF(S, empty, "cpns/v1/renew-auth")',
    cases: cases.secretCases('entityUserKey'),
    compute: (i) => ({ authKey: hex(derivation.deriveRenewAuthKey(entityUserKey(i)).expose()) }),
  },
  {
    name: 'renew-mac',
    formula:
      'HMAC(confirm key, "cpns/v1/renew" LP(key-id, 16 bytes) LP(method) LP(E) LP(user) LP(gateway E) form-byte LP(SHA-256(key)) nonce)',
    cases: cases.renewCases,
    compute: (i) => ({ mac: hex(derivation.renewMac(confirmKey(i), { keyId: i.text('keyId'), ...request(i) })) }),
  },
  {
    name: 'proof',
    formula:
      'key-id LP(E) u64(ms) nonce HMAC(confirm key, "cpns/v1/proof" LP(audience) LP(method) LP(E) u64(ms) nonce SHA-256(request))',
    cases: cases.proofCases,
    compute: (i) => {
      const fields = {
        keyId: i.text('keyId'),
        entity: i.text('entity'),
        timeMs: i.number('timeMs'),
        nonce: i.bytes('nonce'),
      };
      return { proof: hex(derivation.makeProof(confirmKey(i), fields, proofCall(i))) };
    },
    reverse: (o, i) => {
      const proof = derivation.parseProof(o.bytes('proof'));
      derivation.verifyProof(confirmKey(i), proof, proofCall(i), i.number('timeMs'));
      return { keyId: proof.keyId, entity: proof.entity, timeMs: proof.timeMs, nonce: hex(proof.nonce) };
    },
  },
];
