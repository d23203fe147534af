/** The honest ways through a gateway, from which each attempt departs. */
import { ProofServiceService } from '@cpns/contracts';
import { systemClock, type EntityUserKey } from '@cpns/core';
import { deriveConfirmKey, deriveKeyId, sha256 } from '@cpns/key-derivation';
import { acceptAssignment, acceptRegistration } from '@cpns/pne-sdk';
import { freshNonce, sealProof, sealSecretRegistration, type TestGateway } from '@cpns/testing/bad-input';
import { GatewayLinks } from '../support/served-gateway';
import { ENTITY_METHOD, type Scene } from './scene';

export const hour = 3_600_000;
export const inAnHour = () => systemClock.now() + hour;

/** The honest way of a request through the hostile gateway. */
export const assignHonestly = (form: 'secret' | 'key-pair') => async (scene: Scene) => {
  const { request, pending } = await scene.victim(form);
  return acceptAssignment(pending, await scene.forward(request), systemClock.now());
};

/** Acts with the identity of another gateway than the one that serves devices. */
export async function as<T>(scene: Scene, gateway: TestGateway, act: (links: GatewayLinks) => Promise<T>): Promise<T> {
  const links = new GatewayLinks(scene.deployment, gateway);
  try {
    return await act(links);
  } finally {
    links.close();
  }
}

export const registerHonestly = async (scene: Scene) => {
  const { registration, pending, assigned, registering } = await scene.assignedVictim();
  return acceptRegistration(
    pending.admitted,
    assigned,
    registering,
    await scene.relay(registration),
    systemClock.now(),
  );
};

export const registerSecretHonestly = async (scene: Scene) =>
  scene.relay(sealSecretRegistration(await scene.secretRegistration()));

export interface LiveSecret {
  readonly entity: string;
  readonly secret: EntityUserKey;
}

/** An entity of pn1 whose key the hostile gateway assigned and the Server registered. */
export async function liveSecret(scene: Scene, gateway = scene.hostile, pn = 'pn1'): Promise<LiveSecret> {
  const made = await scene.secretRegistration(gateway, pn);
  await scene.relay(sealSecretRegistration(made), gateway);
  return { entity: made.terms.entity, secret: made.secret };
}

export const DIGEST = sha256(Buffer.from('request'));

export function proofOf(scene: Scene, { entity, secret }: LiveSecret, change: { readonly audience?: string }): Buffer {
  return sealProof({
    confirmKey: deriveConfirmKey(secret),
    keyId: deriveKeyId(secret),
    entity,
    timeMs: systemClock.now(),
    nonce: freshNonce(),
    audience: change.audience ?? scene.hostile.uri,
    method: ENTITY_METHOD,
    requestDigest: DIGEST,
  });
}

export const askVerifier = (scene: Scene, proof: Buffer, requestDigest = DIGEST) =>
  scene.hostile.server.call(ProofServiceService.verifyProof, { proof, method: ENTITY_METHOD, requestDigest });

export const verifyProof = (scene: Scene, key: LiveSecret, change: { readonly audience?: string }) =>
  askVerifier(scene, proofOf(scene, key, change));
