import type { KeyForm } from '@cpns/key-derivation';
import type { DeviceStage } from './device';
import type { OtlpCollector } from './otlp-collector';
import type { ServerSideService } from './pki-files';

export interface GatewaySpec {
  /** pn-id */
  readonly pn: string;
  /** entity-id of the PN GW. */
  readonly id: string;
}

/**
 * Per process: by the name of one (`kmc`, `pn1/gw1`, or a device's E), or of all of a kind (`pn-gw`, `pne`). The
 * particular comes after the general.
 */
export type PerProcess<T> = Readonly<Record<string, T>>;

export interface DeploymentOptions {
  /** Of the Server side: a store in a directory, or a Redis under a prefix per service. A gateway's is always embedded. */
  readonly store?: 'embedded' | { readonly redis: string };
  readonly trustDomain?: string;
  readonly gateways?: readonly GatewaySpec[];
  /** Gets the spans of every process. */
  readonly traces?: OtlpCollector;
  /** Which services of the Server side run; all by default. CPNS Server always does. */
  readonly services?: readonly ServerSideService[];
  readonly logLevel?: string;
  /** Variables besides, or instead of, those of the testbed. */
  readonly env?: PerProcess<Readonly<Record<string, string>>>;
  /** Options of node itself, such as `['--require', file]`. */
  readonly nodeOptions?: PerProcess<readonly string[]>;
  /** Leaves the directory with logs and stores behind. */
  readonly keep?: boolean;
}

export interface AdmitOptions {
  /** E */
  readonly entity: string;
  readonly user?: string;
  readonly form: KeyForm;
  /** `server`, or the name or E of a gateway. */
  readonly assigner: string;
  /** Name or E of the gateway that the entity calls. */
  readonly gateway: string;
  /** Milliseconds until the token ends. */
  readonly lifetime?: number;
  /** True by default. */
  readonly waitUntilDelivered?: boolean;
}

interface CommonDeviceOptions {
  /** E: of a PNE, or of a target PN GW. */
  readonly entity: string;
  readonly user?: string;
  /** Name or E of the gateway that it calls. */
  readonly gateway: string;
  /** Where `device` stops; `proved` by default. */
  readonly until?: DeviceStage;
  readonly env?: Readonly<Record<string, string>>;
}

/** A device that is admitted, one that has its one-time string already, or one that was made with a key (Q2). */
export type DeviceOptions = CommonDeviceOptions &
  (
    | { readonly form: KeyForm; readonly assigner: string; readonly lifetime?: number }
    | { readonly oneTimeString: string }
    /** 32 bytes; import it at the Server as well. */
    | { readonly preSharedKey: Buffer }
  );

/** Merges what concerns one process, the particular last. */
export const forProcess = <T>(all: PerProcess<T> | undefined, ...names: readonly string[]): T[] =>
  names.flatMap((name) => (all?.[name] === undefined ? [] : [all[name]]));

/** The variables that concern one process, the particular last. */
export const envFor = (all: DeploymentOptions['env'], ...names: readonly string[]): Record<string, string> =>
  Object.fromEntries(forProcess(all, ...names).flatMap((one) => Object.entries(one)));
