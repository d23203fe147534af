import type { GroupScene } from './group-scene';
import type { Scene } from './scene';

/** `other` is a deployment of its own, of another operator. */
type Way = (scene: GroupScene, other: Scene) => Promise<unknown>;

/** Something that a gateway could try. */
export interface Attempt {
  readonly name: string;
  /** What goes through without the attack: rejects when it is the set-up that is wrong. */
  readonly honest: Way;
  readonly attempt: Way;
  /** Stable reason of the refusal. */
  readonly reason: string;
}

/** Attempts by name that depart from one honest way. */
export const departures = (
  honest: Way,
  rows: Readonly<Record<string, readonly [reason: string, attempt: Way]>>,
): readonly Attempt[] => Object.entries(rows).map(([name, [reason, attempt]]) => ({ name, honest, attempt, reason }));
