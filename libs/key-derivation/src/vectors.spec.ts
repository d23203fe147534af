/** docs/protocol.md as the library computes it; recomputed apart from the library in vectors.independent.spec.ts. */
import {
  ConfirmKey,
  EntityUserKey,
  FirstSeed,
  HpkePrivateKey,
  SecondSeed,
  Secret,
  TokenAuthKey,
  TokenPsk,
  TokenSecret,
  type Random,
} from '@cpns/core';
import { describeVectors, Fields, vectorCases, type Formula } from '@cpns/core/testing';
import { join } from 'node:path';
import * as derivation from '.';
import { verifyBytes } from './formulas';

const directory = join(__dirname, '../vectors');

const hex = (value: Uint8Array | Secret): string =>
  Buffer.from(value instanceof Secret ? value.expose() : value).toString('hex');

const request = (i: Fields): derivation.RequestFields => ({
  method: i.text('method'),
  entity: i.text('entity'),
  user: i.text('user'),
  gateway: i.text('gateway'),
  form: form(i),
  key: i.bytes('key'),
  nonce: i.bytes('nonce'),
});

const secondSeedTerms = (i: Fields): derivation.SecondSeedTerms => ({
  firstSeedId: i.text('firstSeedId'),
  gateway: i.text('gateway'),
  entity: i.text('entity'),
  user: i.text('user'),
});

const registration = (i: Fields): derivation.Registration => ({
  ...secondSeedTerms(i),
  tokenId: i.text('tokenId'),
  notAfter: i.number('notAfter'),
  secondSeed: new SecondSeed(i.bytes('secondSeed')),
  nonce: i.bytes('nonce'),
});

const t1 = (i: Fields): Buffer => derivation.encodeRegistration(registration(i));
const confirmKey = (i: Fields): ConfirmKey => new ConfirmKey(i.bytes('confirmKey'));
const authKey = (i: Fields): TokenAuthKey => new TokenAuthKey(i.bytes('authKey'));
const entityUserKey = (i: Fields): EntityUserKey => new EntityUserKey(i.bytes('entityUserKey'));

const assignmentTerms = (i: Fields): derivation.AssignmentTerms => ({
  ...secondSeedTerms(i),
  notAfter: i.number('notAfter'),
});

/** The fields that both sides of an assignment have. */
const shared = (i: Fields) => ({
  psk: new TokenPsk(i.bytes('psk')),
  credential: credential(i),
  terms: assignmentTerms(i),
});
const certified = (i: Fields) => ({
  entity: i.text('entity'),
  certificate: i.bytes('certificate'),
  hpkeKey: i.bytes('hpkeKey'),
});

const pairwiseTerms = (i: Fields): derivation.PairwiseTerms => ({
  entity: i.text('entity'),
  user: i.text('user'),
  certificate: i.bytes('certificate'),
});

const enrolReply = (i: Fields): derivation.EnrolReply => ({
  credential: credential(i),
  key: i.bytes('key'),
  nonce: i.bytes('nonce'),
  chain: i.list('chain'),
});

const proofCall = (i: Fields): derivation.ProofCall => ({
  audience: i.text('audience'),
  method: i.text('method'),
  requestDigest: derivation.sha256(i.bytes('request')),
});

const form = (i: Fields): derivation.KeyForm => (i.text('form') === 'secret' ? 'secret' : 'key-pair');
const credential = (i: Fields): derivation.Credential =>
  i.has('tokenId') ? { tokenId: i.text('tokenId') } : { keyId: i.text('keyId') };
/** A generator that gives the one value of the case. */
const random = (i: Fields, name: string): Random => ({ bytes: () => i.bytes(name) });

/** A formula with one output. */
const output = (name: string, compute: (i: Fields) => Uint8Array | Secret): Formula => ({
  compute: (i) => ({ [name]: hex(compute(i)) }),
});
const mac = (compute: (i: Fields) => Uint8Array): Formula => output('mac', compute);

const FORMULAS: Readonly<Record<string, Formula>> = {
  'token-auth': output('authKey', (i) => derivation.deriveTokenAuthKey(new TokenSecret(i.bytes('tokenSecret')))),
  'token-psk': output('psk', (i) => derivation.deriveTokenPsk(authKey(i))),
  'enrol-mac': mac((i) => derivation.enrolMac(authKey(i), { tokenId: i.text('tokenId'), ...request(i) })),
  assignment: {
    compute: (i) => {
      const secrets = {
        entityUserKey: entityUserKey(i),
        ...(i.has('secondSeed') && { secondSeed: new SecondSeed(i.bytes('secondSeed')) }),
      };
      const sealing = { ...shared(i), recipientKey: i.bytes('recipientPublicKey'), secrets };
      const { enc, ciphertext } = derivation.sealAssignment(sealing, random(i, 'ephemeralSeed'));
      return { enc: hex(enc), ciphertext: hex(ciphertext) };
    },
    reverse: (o, i) => {
      const { entityUserKey: opened, secondSeed } = derivation.openAssignment({
        ...shared(i),
        privateKey: new HpkePrivateKey(i.bytes('recipientPrivateKey')),
        sealed: { enc: o.bytes('enc'), ciphertext: o.bytes('ciphertext') },
      });
      return { entityUserKey: hex(opened), ...(secondSeed && { secondSeed: hex(secondSeed) }) };
    },
  },
  'enrol-reply-mac': mac((i) => derivation.enrolReplyMac(authKey(i), enrolReply(i))),
  'one-time-string': {
    compute: (i) => ({
      text: derivation.formatOneTimeString({
        tokenId: i.text('tokenId'),
        secret: new TokenSecret(i.bytes('tokenSecret')),
        rootDigest: i.bytes('rootDigest'),
        entity: i.text('entity'),
        user: i.text('user'),
        form: form(i),
        peer: i.text('peer'),
        endpoint: i.text('endpoint'),
      }),
    }),
    reverse: (o) => {
      const { secret, rootDigest, ...names } = derivation.parseOneTimeString(o.text('text'));
      return { ...names, tokenSecret: hex(secret), rootDigest: hex(rootDigest) };
    },
  },

  'second-seed': output('secondSeed', (i) =>
    derivation.deriveSecondSeed(new FirstSeed(i.bytes('firstSeed')), i.bytes('salt'), secondSeedTerms(i)),
  ),
  'entity-user-key': output('entityUserKey', (i) => {
    const [first, second] = [new FirstSeed(i.bytes('firstSeed')), new SecondSeed(i.bytes('secondSeed'))];
    return derivation.deriveEntityUserKey(first, second, assignmentTerms(i));
  }),
  'key-id': { compute: (i) => ({ keyId: derivation.deriveKeyId(entityUserKey(i)) }) },
  'confirm-key': output('confirmKey', (i) => derivation.deriveConfirmKey(entityUserKey(i))),
  'wrap-key': output('wrapKey', (i) => {
    const terms = { groupId: i.text('groupId'), version: i.big('version'), entity: i.text('entity') };
    return derivation.deriveWrapKey(entityUserKey(i), terms);
  }),
  'renew-auth': output('authKey', (i) => derivation.deriveRenewAuthKey(entityUserKey(i))),
  'renew-mac': mac((i) => derivation.renewMac(confirmKey(i), { keyId: i.text('keyId'), ...request(i) })),
  proof: {
    compute: (i) => {
      const [keyId, entity, timeMs] = [i.text('keyId'), i.text('entity'), i.number('timeMs')];
      const fields = { keyId, entity, timeMs, nonce: i.bytes('nonce') };
      return { proof: hex(derivation.makeProof(confirmKey(i), fields, proofCall(i))) };
    },
    reverse: (o, i) => {
      const proof = derivation.parseProof(o.bytes('proof'));
      derivation.verifyProof(confirmKey(i), proof, proofCall(i), i.number('timeMs'));
      return { keyId: proof.keyId, entity: proof.entity, timeMs: proof.timeMs, nonce: hex(proof.nonce) };
    },
  },
  'verifier-time': mac((i) =>
    derivation.verifierTimeMac(confirmKey(i), i.text('audience'), i.bytes('nonce'), i.number('verifierTimeMs')),
  ),

  'registration-t1': {
    compute: (i) => ({ t1: hex(t1(i)) }),
  },
  'confirm-client-mac': mac((i) => derivation.confirmClientMac(confirmKey(i), t1(i))),
  'confirm-server-mac': mac((i) => derivation.confirmServerMac(confirmKey(i), t1(i))),
  'replace-mac': mac((i) => derivation.replaceMac(confirmKey(i), t1(i))),
  'hpke-key-statement': output('statement', (i) =>
    derivation.hpkeKeyStatement({ ...certified(i), tokenId: i.text('tokenId') }),
  ),
  'pairwise-statement': output('statement', (i) =>
    derivation.pairwiseStatement({ ...certified(i), enc: i.bytes('enc') }),
  ),
  'pairwise-secret': {
    compute: (i) => {
      const key = i.bytes('recipientPublicKey');
      const { enc, secret } = derivation.offerPairwise(pairwiseTerms(i), key, random(i, 'ephemeralSeed'));
      return { enc: hex(enc), secret: hex(secret) };
    },
    reverse: (o, i) => {
      const privateKey = new HpkePrivateKey(i.bytes('recipientPrivateKey'));
      const secret = derivation.acceptPairwise(pairwiseTerms(i), privateKey, o.bytes('enc'));
      // the secret is an output of either side, and the public key is what both start from
      if (hex(secret) !== o.text('secret')) throw new Error('the holder exports another secret');
      return { recipientPublicKey: hex(derivation.hpkePublicKey(privateKey)) };
    },
  },
  'hpke-key-pair': {
    compute: (i) => {
      const { privateKey, publicKey } = derivation.generateHpkeKeyPair(random(i, 'seed'));
      return { privateKey: hex(privateKey), publicKey: hex(publicKey) };
    },
  },
};

describeVectors(directory, FORMULAS, ['signature']);

describe('signatures, which are randomised and therefore only judged', () => {
  it.each([...vectorCases(directory, 'signature')])('$name', ({ input, output }) => {
    const [fields, signature] = [new Fields(input), new Fields(output).bytes('signature')];
    expect(verifyBytes(fields.bytes('spki'), fields.bytes('message'), signature)).toBe(true);
    expect(verifyBytes(fields.bytes('spki'), Buffer.from('another message'), signature)).toBe(false);
  });
});
