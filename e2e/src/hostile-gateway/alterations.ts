import { KeyForm, type AssignmentReply, type RegistrationReply, type RegistrationRequest } from '@cpns/contracts';
import { systemClock, systemRandom } from '@cpns/core';
import { generateHpkeKeyPair } from '@cpns/key-derivation';
import { acceptAssignment, acceptRegistration } from '@cpns/pne-sdk';
import { flipped, sealSecretRegistration } from '@cpns/testing/bad-input';
import type { Attempt } from './attempt';
import {
  askVerifier,
  assignHonestly,
  DIGEST,
  hour,
  liveSecret,
  proofOf,
  registerHonestly,
  registerSecretHonestly,
  verifyProof,
} from './ways';

type SecretPart = Extract<NonNullable<RegistrationRequest['registration']>, { $case: 'secret' }>['value'];

function withSecret(request: RegistrationRequest, change: Partial<SecretPart>): RegistrationRequest {
  if (request.registration?.$case !== 'secret') throw new Error('not a secret registration');
  return { ...request, registration: { $case: 'secret', value: { ...request.registration.value, ...change } } };
}

/** Bodies altered on their way. */
export const ALTERATIONS: readonly Attempt[] = [
  {
    name: 'puts another user into a request',
    honest: assignHonestly('secret'),
    attempt: async (scene) => scene.forward({ ...(await scene.victim('secret')).request, user: 'mallory' }),
    reason: 'TOKEN_OTHER_ENTITY',
  },
  {
    name: 'puts another form into a request',
    honest: assignHonestly('secret'),
    attempt: async (scene) => {
      const [secret, pair] = [await scene.victim('secret'), await scene.victim('key-pair')];
      return scene.forward({ ...secret.request, form: KeyForm.KEY_FORM_KEY_PAIR, key: pair.request.key });
    },
    reason: 'TOKEN_OTHER_FORM',
  },
  {
    name: 'says that the entity called another method',
    honest: assignHonestly('secret'),
    attempt: async (scene) =>
      scene.forward((await scene.victim('secret')).request, '/cpns.v1.PnGatewayService/RenewEntityUserKey'),
    reason: 'TOKEN_MAC',
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
    name: 'alters the second seed of a registration',
    honest: registerSecretHonestly,
    attempt: async (scene) => {
      const made = await scene.secretRegistration();
      return scene.relay(
        withSecret(sealSecretRegistration(made), { secondSeed: flipped(made.terms.secondSeed.expose()) }),
      );
    },
    reason: 'CONFIRMATION_MAC',
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
    name: 'shows a proof with another request',
    honest: async (scene) => verifyProof(scene, await liveSecret(scene), {}),
    attempt: async (scene) => askVerifier(scene, proofOf(scene, await liveSecret(scene), {}), flipped(DIGEST)),
    reason: 'PROOF_MAC',
  },
];

function longer(reply: AssignmentReply | undefined): AssignmentReply {
  if (reply?.reply?.$case !== 'secret') throw new Error('no secret');
  return { reply: { $case: 'secret', value: { ...reply.reply.value, notAfter: reply.reply.value.notAfter + 1n } } };
}
