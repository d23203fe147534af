import type { Scene } from './scene';

/** Something that a gateway could try. */
export interface Attempt {
  readonly name: string;
  /** What goes through without the attack: rejects when it is the set-up that is wrong. */
  readonly honest: (scene: Scene) => Promise<unknown>;
  readonly attempt: (scene: Scene) => Promise<unknown>;
  /** Stable reason of the refusal. */
  readonly reason: string;
}
