/** A life cycle as data: one row per (state, event) that is allowed. What has no row cannot happen. */
export type LifeCycle<State extends string, Event extends string> = readonly {
  readonly state: State;
  readonly event: Event;
  readonly next: State;
}[];

/** The next state, or `undefined` where the life cycle has no row for it. */
export function nextState<State extends string, Event extends string>(
  lifeCycle: LifeCycle<State, Event>,
  state: State,
  event: Event,
): State | undefined {
  return lifeCycle.find((row) => row.state === state && row.event === event)?.next;
}
