import type { FlowId } from '@cpns/telemetry';

export type EntityKind = 'PNE' | 'target PN GW' | 'PN GW' | 'Service Group';

/** One run of a flow, or of the part of a flow that is due for an entity. */
export interface DueRun {
  readonly flow: FlowId;
  /** Step numbers in their order. */
  readonly steps: readonly number[];
  readonly kind: EntityKind;
  /** E of the entity that it is run for: a target entity, or a gateway. For a Service Group its group-id. */
  readonly entity: string;
  readonly id: string;
  /** E of the intermediate PN GW; empty for the part that a group's flow has once. */
  readonly gateway: string;
  /** What the demo does when the run is due; undefined for what happens while gateways and devices start. */
  readonly scene?: string;
}
