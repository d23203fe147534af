/** The honest ways through a gateway, from which each attempt departs. */
import { systemClock, type EntityUserKey } from '@cpns/core';
import { acceptAssignment, acceptRegistration } from '@cpns/pne-sdk';
import { sealSecretRegistration, type TestGateway } from '@cpns/testing/bad-input';
import { GatewayLinks } from '../support/served-gateway';
import type { Scene } from './scene';

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
