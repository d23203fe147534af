import type { KeyForm } from '@cpns/key-derivation';
import type { DeviceStage } from './device';
import type { AdmitRequest } from './operator';
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
type PerProcess<T> = Readonly<Record<string, T>>;

export interface ProcessOptions {
  /** Variables besides, or instead of, those of the testbed. */
  readonly env?: PerProcess<Readonly<Record<string, string>>>;
  /** Options of node itself, such as `['--require', file]`. */
  readonly nodeOptions?: PerProcess<readonly string[]>;
}

export interface DeploymentOptions extends ProcessOptions {
  /** Of the Server side: a store in a directory, or a Redis under a prefix per service. A gateway's is always embedded. */
  readonly store?: 'embedded' | { readonly redis: string };
  readonly trustDomain?: string;
  readonly gateways?: readonly GatewaySpec[];
  /** Gets the spans of every process, at its endpoint. */
  readonly traces?: { readonly url: string };
  /** Which services of the Server side run; all by default. CPNS Server always does. */
  readonly services?: readonly ServerSideService[];
  readonly logLevel?: string;
}

export interface AdmitOptions extends Omit<AdmitRequest, 'assigner' | 'peer' | 'expiresAt'> {
  /** `server`, or the name or E of a gateway. */
  readonly assigner: string;
  /** Name or E of the gateway that the entity calls. */
  readonly gateway: string;
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

/** What concerns one process, by its names, the particular last. */
export const forProcess = ({ env, nodeOptions }: ProcessOptions, ...names: readonly string[]) => ({
  env: Object.assign({}, ...names.map((name) => env?.[name])) as Record<string, string>,
  nodeOptions: names.flatMap((name) => nodeOptions?.[name] ?? []),
});
