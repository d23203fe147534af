import { systemClock } from '@cpns/core';
import { acceptAssignment } from '@cpns/pne-sdk';
import { freshNonce, sealSecretRegistration } from '@cpns/testing/bad-input';
import type { Attempt } from './attempt';
import { ENTITY_METHOD } from './scene';
import { askVerifier, assignHonestly, liveSecret, proofOf, registerSecretHonestly, verifyProof } from './ways';

/** Messages used again, or elsewhere than they were made for. */
export const REPLAYS: readonly Attempt[] = [
  {
    name: 'has another gateway relay a request that was made to it',
    honest: assignHonestly('secret'),
    attempt: async (scene) => scene.forward((await scene.victim('secret')).request, ENTITY_METHOD, scene.accomplice),
    reason: 'GATEWAY_MISMATCH',
  },
  {
    name: 'uses an entity’s token for a second request of its own',
    honest: assignHonestly('secret'),
    attempt: async (scene) => {
      const { request } = await scene.victim('secret');
      await scene.forward(request);
      return scene.forward({ ...request, nonce: freshNonce() });
    },
    reason: 'TOKEN_MAC',
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
    honest: async (scene) => verifyProof(scene, await liveSecret(scene), {}),
    attempt: async (scene) => {
      const key = await liveSecret(scene);
      const proof = proofOf(scene, key, {});
      await askVerifier(scene, proof);
      return askVerifier(scene, proof);
    },
    reason: 'PROOF_REPLAYED',
  },
  {
    name: 'shows a proof that was made for another gateway',
    honest: async (scene) => verifyProof(scene, await liveSecret(scene), {}),
    attempt: async (scene) => verifyProof(scene, await liveSecret(scene), { audience: scene.accomplice.uri }),
    reason: 'PROOF_MAC',
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
