import { randomBytes } from 'node:crypto';
import { duration, SECRET_BYTES } from '@cpns/core';
import { Deployment, LightGateway } from '@cpns/testing';
import { concurrently } from './concurrently';

/** What the figures of Group Keys are taken of: the whole Server side, and gateways that cost it nothing of their own. */
export interface GroupScene {
  /** In the name of each figure. */
  readonly storeName: string;
  readonly deployment: Deployment;
  /** One in each Personal Network `home-<n>`. */
  readonly gateways: readonly LightGateway[];
  /** Of each comparison. */
  readonly rounds: number;
  readonly onProgress: (text: string) => void;
}

/** How many gateways a push goes to. */
export const GATEWAYS = 100;
/** The one that is a process. */
export const REAL_GATEWAY = { pn: 'pn1', id: 'gw1' } as const;
/** Preparations that are under way at a time. */
const AT_ONCE = 8;

export const homeOf = (n: number): string => `home-${n}`;

export interface SceneOptions extends Pick<GroupScene, 'storeName' | 'rounds' | 'onProgress'> {
  readonly store: 'embedded' | { readonly redis: string };
}

/** Runs `work` in a deployment of its own. */
export async function withGroupScene<T>(options: SceneOptions, work: (scene: GroupScene) => Promise<T>): Promise<T> {
  const { storeName, store, rounds, onProgress } = options;
  onProgress(`${storeName}: starting the Server side and enrolling ${GATEWAYS} gateways`);
  const deployment = await Deployment.start({ store, gateways: [REAL_GATEWAY], logLevel: 'warn' });
  const gateways: LightGateway[] = [];
  try {
    const numbers = Array.from({ length: GATEWAYS }, (_, index) => index + 1);
    await concurrently(numbers, AT_ONCE, async (n) => {
      gateways.push(await LightGateway.enrol(deployment, { pn: homeOf(n), id: 'light' }));
    });
    return await work({ storeName, deployment, gateways, rounds, onProgress });
  } finally {
    for (const gateway of gateways) gateway.close();
    await deployment.stop();
  }
}

/** Entities with live keys: imported ones (Q2), which the Server holds like any other. @returns their E */
export async function makeMembers({ operator }: Deployment, entities: readonly string[]): Promise<readonly string[]> {
  await concurrently(entities, AT_ONCE, async (entity) => {
    await operator.importKey(entity, '', randomBytes(SECRET_BYTES), duration(1, 'day'));
  });
  return entities;
}
