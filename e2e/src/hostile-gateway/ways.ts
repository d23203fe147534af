/** The honest ways through a gateway, from which each attempt departs, and signers other than the Server. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pemToDers } from '@cpns/certificate-issuance';
import { registrationReply, type RegistrationReply } from '@cpns/contracts';
import { systemClock, systemRandom, type EntityUserKey } from '@cpns/core';
import { deriveKeyId, hpkePublicKey, offerPairwise, pairwiseStatement, signBytes } from '@cpns/key-derivation';
import { acceptAssignment, acceptRegistration } from '@cpns/pne-sdk';
import type { CredentialFiles } from '@cpns/testing';
import { sealSecretRegistration, type TestGateway } from '@cpns/testing/bad-input';
import { linksOf, type GatewayLinks } from '../support/served-gateway';
import type { AssignedVictim, Scene } from './scene';

export const hour = 3_600_000;
export const inAnHour = () => systemClock.now() + hour;

/** The honest way of a request through the hostile gateway. */
export const assignHonestly = (form: 'secret' | 'key-pair') => async (scene: Scene) => {
  const { request, pending } = await scene.victim(form);
  return acceptAssignment(pending, await scene.forward(request), systemClock.now());
};

/** Acts with the identity of another gateway than the one that serves devices. */
export async function as<T>(scene: Scene, gateway: TestGateway, act: (links: GatewayLinks) => Promise<T>): Promise<T> {
  const links = linksOf(scene.deployment, gateway);
  try {
    return await act(links);
  } finally {
    links.gateway.close();
  }
}

/** What a victim makes of the answer to its registration. */
export const accepted = ({ pending, assigned, registering }: AssignedVictim, reply: RegistrationReply | undefined) =>
  acceptRegistration(pending.admitted, assigned, registering, reply, systemClock.now());

export const registerHonestly = async (scene: Scene) => {
  const victim = await scene.assignedVictim();
  return accepted(victim, await scene.relay(victim.registration));
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

/** Signs in the Server's place. */
export interface Forger {
  readonly privateKey: KeyObject;
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
}

export const forgerOf = ({ chain, key }: CredentialFiles): Forger => ({
  privateKey: createPrivateKey(readFileSync(key)),
  chain: pemToDers(readFileSync(chain, 'utf8')),
});

export const identityOf = ({ hostile }: Scene): Forger => ({
  privateKey: createPrivateKey(hostile.tls.key ?? ''),
  chain: hostile.chain,
});

/** The Server's answer to a certificate holder's registration as another would make it: nothing but the signer is wrong. */
export function forgedPairwise(
  { privateKey, chain }: Forger,
  { entity, assigned, registering }: AssignedVictim,
): RegistrationReply {
  if (assigned.form !== 'key-pair' || registering.form !== 'key-pair') throw new Error('another form');
  const [certificate] = assigned.chain;
  if (certificate === undefined) throw new Error('no certificate');
  const hpkeKey = hpkePublicKey(registering.hpkeKey);
  const { enc, secret } = offerPairwise({ entity, user: '', certificate }, hpkeKey, systemRandom);
  const signature = signBytes(privateKey, pairwiseStatement({ entity, certificate, hpkeKey, enc }));
  const keyId = Buffer.from(deriveKeyId(secret), 'hex');
  return registrationReply({ form: 'key-pair', keyId, enc, signature, chain });
}
