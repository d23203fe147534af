import { createPrivateKey, randomBytes } from 'node:crypto';
import { type RegistrationReply, assignmentReply, checkAssignment, registrationReply } from '@cpns/contracts';
import { EntityUserKey, systemClock, systemRandom, TokenAuthKey } from '@cpns/core';
import { answerWithCertificate, answerWithSecret } from '@cpns/entity-user-key';
import { deriveKeyId, generateHpkeKeyPair, offerPairwise, pairwiseStatement, signBytes } from '@cpns/key-derivation';
import { acceptAssignment, acceptRegistration } from '@cpns/pne-sdk';
import { issued } from '@cpns/testing/bad-input';
import type { Attempt } from './attempt';
import { ENTITY_METHOD, type Scene } from './scene';
import { assignHonestly, inAnHour, registerHonestly } from './ways';

/** Keys swapped for the gateway's own. */
export const SWAPS: readonly Attempt[] = [
  {
    name: 'swaps the one-time key of a request, to read the secret itself',
    honest: assignHonestly('secret'),
    attempt: async (scene) => {
      const { request } = await scene.victim('secret');
      const { publicKey } = generateHpkeKeyPair(systemRandom);
      return scene.forward({ ...request, key: { $case: 'hpkePublicKey', value: publicKey } });
    },
    reason: 'TOKEN_MAC',
  },
  {
    name: 'swaps the CSR of a request, to be certified in its place',
    honest: assignHonestly('key-pair'),
    attempt: async (scene) => {
      const [mine, theirs] = [await scene.victim('key-pair'), await scene.victim('key-pair')];
      return scene.forward({ ...theirs.request, key: mine.request.key });
    },
    reason: 'TOKEN_MAC',
  },
  {
    name: 'answers with a secret of its own in place of the Server’s',
    honest: assignHonestly('secret'),
    attempt: async (scene) => {
      const { request, pending } = await scene.victim('secret');
      const { enrol } = checkAssignment(request, ENTITY_METHOD);
      const shown = { credential: { tokenId: enrol.tokenId }, authKey: new TokenAuthKey(randomBytes(32)) };
      const secrets = { entityUserKey: new EntityUserKey(randomBytes(32)) };
      const forged = answerWithSecret(shown, enrol, { secrets, notAfter: inAnHour(), firstSeedId: '' }, systemRandom);
      return acceptAssignment(pending, assignmentReply(forged), systemClock.now());
    },
    reason: 'REPLY_MAC',
  },
  {
    name: 'answers with a certificate of its own in place of the Server’s',
    honest: assignHonestly('key-pair'),
    attempt: async (scene) => {
      const { request, pending, entity } = await scene.victim('key-pair');
      const checked = checkAssignment(request, ENTITY_METHOD);
      if (checked.csr === undefined) throw new Error('no CSR');
      const { chain } = await issued(scene.hostile.ca, { profile: 'target-entity', uri: entity });
      const shown = { credential: { tokenId: checked.enrol.tokenId }, authKey: new TokenAuthKey(randomBytes(32)) };
      return acceptAssignment(
        pending,
        assignmentReply(answerWithCertificate(shown, checked.enrol, chain)),
        systemClock.now(),
      );
    },
    reason: 'REPLY_MAC',
  },
  {
    name: 'swaps the HPKE key of a certificate holder’s registration',
    honest: registerHonestly,
    attempt: async (scene) => {
      const { registration } = await scene.assignedVictim();
      if (registration.registration?.$case !== 'certificate') throw new Error('not a certificate registration');
      const { publicKey } = generateHpkeKeyPair(systemRandom);
      const value = { ...registration.registration.value, hpkePublicKey: publicKey };
      return scene.relay({ ...registration, registration: { $case: 'certificate', value } });
    },
    reason: 'SIGNATURE_INVALID',
  },
  {
    name: 'answers a certificate holder’s registration with a secret that it knows',
    honest: registerHonestly,
    attempt: async (scene) => {
      const { pending, assigned, registering, entity } = await scene.assignedVictim();
      if (assigned.form !== 'key-pair' || registering.form !== 'key-pair') throw new Error('another form');
      return acceptRegistration(
        pending.admitted,
        assigned,
        registering,
        forgedPairwise(scene, entity, assigned.chain),
        systemClock.now(),
      );
    },
    reason: 'PEER_UNEXPECTED',
  },
];

/** The Server's answer as the hostile gateway would make it: signed by the one key that it has a certificate for. */
function forgedPairwise(scene: Scene, entity: string, [certificate]: readonly Buffer[]): RegistrationReply {
  if (certificate === undefined) throw new Error('no certificate');
  const { publicKey } = generateHpkeKeyPair(systemRandom);
  const { enc, secret } = offerPairwise({ entity, user: '', certificate }, publicKey, systemRandom);
  const key = createPrivateKey(scene.hostile.tls.key ?? '');
  const signature = signBytes(key, pairwiseStatement({ entity, certificate, hpkeKey: publicKey, enc }));
  return registrationReply({
    form: 'key-pair',
    keyId: Buffer.from(deriveKeyId(secret), 'hex'),
    enc,
    signature,
    chain: scene.hostile.chain,
  });
}
