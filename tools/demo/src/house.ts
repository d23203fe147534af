/** What the demo is run against: a deployment of its own, or one that runs already. */
import type { CollectedSpan, Device, DeviceOptions, Operator } from '@cpns/testing';
import type { ReportedBy } from './flow-book';

export interface House {
  /** For the report: which store the Server side has. */
  readonly store: string;
  readonly operator: Operator;
  /** Ends in the ids of this run's devices and groups; empty where nothing was before. */
  readonly suffix: string;
  /** Whether it is the demo's own: its gateways are provisioned while the demo looks on, and it serves nobody else. */
  readonly isNew: boolean;
  /** Says that every service serves. @throws Error with the one that does not */
  health(): Promise<string>;
  prepareDevice(options: DeviceOptions): Promise<Device>;
  /** `host:port` of a gateway's token port. @param gateway E */
  gatewayAddress(gateway: string): string;
  readonly reportedBy: ReportedBy;
  /** Whether a span comes from the demo itself. */
  isOwn(span: CollectedSpan): boolean;
  /** Ends what the demo started. */
  stop(): Promise<void>;
}
