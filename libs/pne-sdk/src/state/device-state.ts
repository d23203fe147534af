/**
 * What a device keeps, and the port through which it keeps it.
 *
 * The life of a device towards its Entity-User Key, as data (5.3.1.12.5).
 */
import { CpnsError, type EntityUserKey, type LifeCycle, nextState, type PrivateKeyDer } from '@cpns/core';
import type { KeyForm } from '@cpns/key-derivation';
import type { GroupStates } from '../group-key/group-state';
import type { Admitted } from '../protocol/admitted';
import type { Assigned, PendingAssignment } from '../protocol/assignment';
import type { PendingRegistration } from '../protocol/registration';

/**
 * `assigning`: a request is stored and may be out. `assigned`: the key is here, the Server may not know of it.
 * `registering`: a registration is stored and may be out. `live`: both sides hold S. `enrolled`: a PN GW has its identity.
 */
export type DeviceStage = 'new' | 'assigning' | 'assigned' | 'registering' | 'live' | 'enrolled';

/**
 * `ask` and `register` are committed before something is sent, `accept-…` and `confirm` after a reply was found good.
 * `accept-live`: a secret that the Server assigned, which it knows already.
 */
export type DeviceEvent = 'ask' | 'accept' | 'accept-live' | 'accept-identity' | 'register' | 'confirm' | 'import';

const row = (state: DeviceStage, event: DeviceEvent, next: DeviceStage) => ({ state, event, next });

export const DEVICE_LIFE_CYCLE: LifeCycle<DeviceStage, DeviceEvent> = [
  row('new', 'ask', 'assigning'),
  // another one-time string: the one before was lost, expired or spent, or the key is to be replaced
  row('assigning', 'ask', 'assigning'),
  row('assigned', 'ask', 'assigning'),
  row('registering', 'ask', 'assigning'),
  row('live', 'ask', 'assigning'),
  row('enrolled', 'ask', 'assigning'),

  row('assigning', 'accept', 'assigned'),
  row('assigning', 'accept-live', 'live'),
  row('assigning', 'accept-identity', 'enrolled'),
  row('assigned', 'register', 'registering'),
  row('registering', 'confirm', 'live'),

  // Q2: the secret came with the device
  row('new', 'import', 'live'),
  row('live', 'import', 'live'),
];

/** @throws CpnsError INTERNAL where the life cycle has no row: a fault of this library, since callers are checked before */
export function advanceDevice(stage: DeviceStage, event: DeviceEvent): DeviceStage {
  const next = nextState(DEVICE_LIFE_CYCLE, stage, event);
  if (next === undefined) throw new CpnsError('INTERNAL', `a device that is ${stage} does not ${event}`);
  return next;
}

/** Where calls with a key go. */
export interface Home {
  /** E */
  readonly entity: string;
  readonly user: string;
  /** E of the PN GW. */
  readonly gateway: string;
  /** `host:port` of its token port. */
  readonly endpoint: string;
  /** DER */
  readonly root: Buffer;
}

/** The live Entity-User Key of a device. */
export interface LiveKey extends Home {
  readonly form: KeyForm;
  /** The token that it came from; empty for an imported key. */
  readonly tokenId: string;
  /** URI of the CPNS Server, or E of a gateway. */
  readonly assigner: string;
  /** S */
  readonly secret: EntityUserKey;
  /** 32 hexadecimal digits. */
  readonly keyId: string;
  /** Unix milliseconds; absent for an imported key, whose end only the Server knows. */
  readonly notAfter?: number;
  /** In form key pair: DER, leaf to root. */
  readonly chain?: readonly Buffer[];
  /** Of the gateway, where certificates are shown, if it told that at the registration. */
  readonly certificatePort?: number;
  /** In form key pair, unless the key stays with the maker of the CSR. */
  readonly privateKey?: PrivateKeyDer;
}

/** How far the newest admission has come. What a stage no longer needs is not kept. */
export type Exchange =
  | { readonly stage: 'assigning'; readonly pending: PendingAssignment }
  | { readonly stage: 'assigned'; readonly admitted: Admitted; readonly assigned: Assigned }
  | {
      readonly stage: 'registering';
      readonly admitted: Admitted;
      readonly assigned: Assigned;
      readonly pending: PendingRegistration;
    };

/** What a PN GW acts with, once it enrolled itself at the Server. */
export interface GatewayIdentity {
  /** Its own E. */
  readonly entity: string;
  readonly tokenId: string;
  /** Unix milliseconds; the last second of validity. */
  readonly notAfter: number;
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  readonly privateKey: PrivateKeyDer;
  /** DER */
  readonly root: Buffer;
}

/**
 * Everything of one device. An exchange is there while one is under way; the key or identity before it stays in use
 * meanwhile, as it does at the Server.
 */
export interface DeviceState {
  /** Counts changes: two processes on one store never take each other's for their own. */
  readonly serial: number;
  readonly exchange?: Exchange;
  readonly live?: LiveKey;
  readonly identity?: GatewayIdentity;
}

/** What a change may set; the serial follows by itself. */
export type DeviceContent = Omit<DeviceState, 'serial'>;

export const NEW_DEVICE: DeviceState = { serial: 0 };

export function stageOf({ exchange, live, identity }: DeviceState): DeviceStage {
  if (exchange !== undefined) return exchange.stage;
  if (live !== undefined) return 'live';
  return identity === undefined ? 'new' : 'enrolled';
}

/** The token of the newest admission, or empty. */
export function tokenIdOf({ exchange, live, identity }: DeviceState): string {
  if (exchange === undefined) return (live ?? identity)?.tokenId ?? '';
  return exchange.stage === 'assigning' ? exchange.pending.admitted.tokenId : exchange.admitted.tokenId;
}

/** One device's durable state. */
export interface DeviceStates {
  /** Beside it: what the device has of its Service Groups. */
  readonly groups: GroupStates;
  read(): Promise<DeviceState>;
  /**
   * Resolves when the change is durable. The new state's serial is the one of `before` and one more.
   * @throws CpnsError CONFLICT when the stored state is no longer `before`
   */
  replace(before: DeviceState, next: DeviceContent): Promise<DeviceState>;
}

/** The end of an exchange, with what came of it. */
export function withoutExchange(
  { live, identity }: DeviceState,
  gained: Pick<DeviceContent, 'live' | 'identity'>,
): DeviceContent {
  return { ...(live && { live }), ...(identity && { identity }), ...gained };
}
