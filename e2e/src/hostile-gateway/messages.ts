import { randomBytes } from 'node:crypto';
import {
  assignmentReply,
  checkAssignment,
  ProofServiceService,
  type AssignmentReply,
  type RegistrationRequest,
} from '@cpns/contracts';
import { EntityUserKey, systemClock, systemRandom, TokenAuthKey } from '@cpns/core';
import { answerWithSecret } from '@cpns/entity-user-key';
import { deriveConfirmKey, deriveKeyId, generateHpkeKeyPair, sha256 } from '@cpns/key-derivation';
import { acceptAssignment } from '@cpns/pne-sdk';
import { freshNonce, sealProof, sealSecretRegistration } from '@cpns/testing/bad-input';
import { departures, type Attempt } from './attempt';
import { ENTITY_METHOD, type Scene } from './scene';
import {
  accepted,
  assignHonestly,
  forgedPairwise,
  identityOf,
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
  ...departures(assignHonestly('secret'), {
    'swaps the one-time key of a request, to read the secret itself': [
      'TOKEN_MAC',
      async (scene) => {
        const { request } = await scene.victim('secret');
        const { publicKey } = generateHpkeKeyPair(systemRandom);
        return scene.forward({ ...request, key: { $case: 'hpkePublicKey', value: publicKey } });
      },
    ],
    'answers with a secret of its own in place of the Server’s': [
      'REPLY_MAC',
      async (scene) => {
        const { request, pending } = await scene.victim('secret');
        const { enrol } = checkAssignment(request, ENTITY_METHOD);
        const shown = { credential: { tokenId: enrol.tokenId }, authKey: new TokenAuthKey(randomBytes(32)) };
        const secrets = { entityUserKey: new EntityUserKey(randomBytes(32)) };
        const forged = answerWithSecret(shown, enrol, { secrets, notAfter: inAnHour(), firstSeedId: '' }, systemRandom);
        return acceptAssignment(pending, assignmentReply(forged), systemClock.now());
      },
    ],
    'makes the life of a secret longer in the Server’s reply': [
      'REPLY_MAC',
      async (scene) => {
        const { request, pending } = await scene.victim('secret');
        return acceptAssignment(pending, longer(await scene.forward(request)), systemClock.now());
      },
    ],
    'has another gateway relay a request that was made to it': [
      'GATEWAY_MISMATCH',
      async (scene) => scene.forward((await scene.victim('secret')).request, ENTITY_METHOD, scene.accomplice),
    ],
    'gives an entity the reply to another request': [
      'REPLY_MAC',
      async (scene) => {
        const [one, other] = [await scene.victim('secret'), await scene.victim('secret')];
        return acceptAssignment(one.pending, await scene.forward(other.request), systemClock.now());
      },
    ],
  }),
  ...departures(registerHonestly, {
    'swaps the HPKE key of a certificate holder’s registration': [
      'SIGNATURE_INVALID',
      async (scene) => {
        const { registration } = await scene.assignedVictim();
        if (registration.registration?.$case !== 'certificate') throw new Error('not a certificate registration');
        const { publicKey } = generateHpkeKeyPair(systemRandom);
        const value = { ...registration.registration.value, hpkePublicKey: publicKey };
        return scene.relay({ ...registration, registration: { $case: 'certificate', value } });
      },
    ],
    'answers a certificate holder’s registration with a secret that it knows': [
      'PEER_UNEXPECTED',
      async (scene) => {
        const victim = await scene.assignedVictim();
        return accepted(victim, forgedPairwise(identityOf(scene), victim));
      },
    ],
    'alters the Server’s confirmation': [
      'SIGNATURE_INVALID',
      async (scene) => {
        const victim = await scene.assignedVictim();
        const reply = await scene.relay(victim.registration);
        if (reply?.confirmation?.$case !== 'pairwise') throw new Error('no pairwise confirmation');
        const value = { ...reply.confirmation.value, enc: generateHpkeKeyPair(systemRandom).publicKey };
        return accepted(victim, { ...reply, confirmation: { $case: 'pairwise', value } });
      },
    ],
  }),
  ...departures(registerSecretHonestly, {
    'makes the life of a key longer in its registration': [
      'CONFIRMATION_MAC',
      async (scene) => {
        const made = await scene.secretRegistration();
        return scene.relay(withSecret(sealSecretRegistration(made), { notAfter: BigInt(made.terms.notAfter + hour) }));
      },
    ],
    'replays a registration under another entity’s token': [
      'TOKEN_OTHER_ENTITY',
      async (scene) => {
        const { terms, secret } = await scene.secretRegistration();
        const other = await scene.secretRegistration();
        return scene.relay(sealSecretRegistration({ terms: { ...terms, tokenId: other.terms.tokenId }, secret }));
      },
    ],
  }),
  ...departures(async (scene) => askVerifier(scene, proofOf(scene, await liveSecret(scene))), {
    'replays a proof': [
      'PROOF_REPLAYED',
      async (scene) => {
        const key = await liveSecret(scene);
        const proof = proofOf(scene, key);
        await askVerifier(scene, proof);
        return askVerifier(scene, proof);
      },
    ],
  }),
];

function longer(reply: AssignmentReply | undefined): AssignmentReply {
  if (reply?.reply?.$case !== 'secret') throw new Error('no secret');
  return { reply: { $case: 'secret', value: { ...reply.reply.value, notAfter: reply.reply.value.notAfter + 1n } } };
}
