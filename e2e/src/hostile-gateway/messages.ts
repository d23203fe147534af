import { createPrivateKey, randomBytes } from 'node:crypto';
import {
  assignmentReply,
  checkAssignment,
  ProofServiceService,
  registrationReply,
  type AssignmentReply,
  type RegistrationReply,
  type RegistrationRequest,
} from '@cpns/contracts';
import { EntityUserKey, systemClock, systemRandom, TokenAuthKey } from '@cpns/core';
import { answerWithSecret } from '@cpns/entity-user-key';
import {
  deriveConfirmKey,
  deriveKeyId,
  generateHpkeKeyPair,
  offerPairwise,
  pairwiseStatement,
  sha256,
  signBytes,
} from '@cpns/key-derivation';
import { acceptAssignment, acceptRegistration } from '@cpns/pne-sdk';
import { freshNonce, sealProof, sealSecretRegistration } from '@cpns/testing/bad-input';
import type { Attempt } from './attempt';
import { ENTITY_METHOD, type Scene } from './scene';
import {
  assignHonestly,
  hour,
  inAnHour,
  liveSecret,
  registerHonestly,
  registerSecretHonestly,
  type LiveSecret,
} from './ways';

type SecretPart = Extract<NonNullable<RegistrationRequest['registration']>, { $case: 'secret' }>['value'];

function withSecret(request: RegistrationRequest, change: Partial<SecretPart>): RegistrationRequest {
  if (request.registration?.$case !== 'secret') throw new Error('not a secret registration');
  return { ...request, registration: { $case: 'secret', value: { ...request.registration.value, ...change } } };
}

const DIGEST = sha256(Buffer.from('request'));

function proofOf(scene: Scene, { entity, secret }: LiveSecret): Buffer {
  return sealProof({
    confirmKey: deriveConfirmKey(secret),
    keyId: deriveKeyId(secret),
    entity,
    timeMs: systemClock.now(),
    nonce: freshNonce(),
    audience: scene.hostile.uri,
    method: ENTITY_METHOD,
    requestDigest: DIGEST,
  });
}

const askVerifier = (scene: Scene, proof: Buffer) =>
  scene.hostile.server.call(ProofServiceService.verifyProof, { proof, method: ENTITY_METHOD, requestDigest: DIGEST });

/** Messages whose keys are swapped for the gateway's own, altered, or used again: one of each kind, the rest is bad input. */
export const MESSAGES: readonly Attempt[] = [
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
  {
    name: 'makes the life of a secret longer in the Server’s reply',
    honest: assignHonestly('secret'),
    attempt: async (scene) => {
      const { request, pending } = await scene.victim('secret');
      return acceptAssignment(pending, longer(await scene.forward(request)), systemClock.now());
    },
    reason: 'REPLY_MAC',
  },
  {
    name: 'makes the life of a key longer in its registration',
    honest: registerSecretHonestly,
    attempt: async (scene) => {
      const made = await scene.secretRegistration();
      return scene.relay(withSecret(sealSecretRegistration(made), { notAfter: BigInt(made.terms.notAfter + hour) }));
    },
    reason: 'CONFIRMATION_MAC',
  },
  {
    name: 'alters the Server’s confirmation',
    honest: registerHonestly,
    attempt: async (scene) => {
      const { registration, pending, assigned, registering } = await scene.assignedVictim();
      const reply = await scene.relay(registration);
      if (reply?.confirmation?.$case !== 'pairwise') throw new Error('no pairwise confirmation');
      const value = { ...reply.confirmation.value, enc: generateHpkeKeyPair(systemRandom).publicKey };
      const altered: RegistrationReply = { ...reply, confirmation: { $case: 'pairwise', value } };
      return acceptRegistration(pending.admitted, assigned, registering, altered, systemClock.now());
    },
    reason: 'SIGNATURE_INVALID',
  },
  {
    name: 'has another gateway relay a request that was made to it',
    honest: assignHonestly('secret'),
    attempt: async (scene) => scene.forward((await scene.victim('secret')).request, ENTITY_METHOD, scene.accomplice),
    reason: 'GATEWAY_MISMATCH',
  },
  {
    name: 'gives an entity the reply to another request',
    honest: assignHonestly('secret'),
    attempt: async (scene) => {
      const [one, other] = [await scene.victim('secret'), await scene.victim('secret')];
      return acceptAssignment(one.pending, await scene.forward(other.request), systemClock.now());
    },
    reason: 'REPLY_MAC',
  },
  {
    name: 'replays a proof',
    honest: async (scene) => askVerifier(scene, proofOf(scene, await liveSecret(scene))),
    attempt: async (scene) => {
      const key = await liveSecret(scene);
      const proof = proofOf(scene, key);
      await askVerifier(scene, proof);
      return askVerifier(scene, proof);
    },
    reason: 'PROOF_REPLAYED',
  },
  {
    name: 'replays a registration under another entity’s token',
    honest: registerSecretHonestly,
    attempt: async (scene) => {
      const { terms, secret } = await scene.secretRegistration();
      const other = await scene.secretRegistration();
      return scene.relay(sealSecretRegistration({ terms: { ...terms, tokenId: other.terms.tokenId }, secret }));
    },
    reason: 'TOKEN_OTHER_ENTITY',
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

function longer(reply: AssignmentReply | undefined): AssignmentReply {
  if (reply?.reply?.$case !== 'secret') throw new Error('no secret');
  return { reply: { $case: 'secret', value: { ...reply.reply.value, notAfter: reply.reply.value.notAfter + 1n } } };
}
