/**
 * Calls with a live key, to the PN GW that the device belongs to (protocol.md, "Proof of a secret, on each call").
 */
import { dersToPem, derToPem, privateKeyPem } from '@cpns/certificate-issuance';
import { type DeviceCapabilities, type GroupKeyDelivery, PnGatewayServiceService } from '@cpns/contracts';
import {
  checkEndpoint,
  type Clock,
  CpnsError,
  duration,
  invalidArgument,
  type Random,
  systemClock,
  systemRandom,
} from '@cpns/core';
import { type CallOptions, type Connection, connectTo } from '@cpns/grpc';
import type { KeyForm, OneTimeString } from '@cpns/key-derivation';
import { GroupKeys } from '../group-key/group-keys';
import { gatewayChannel, type GatewayMethods } from '../group-key/member';
import { enrolsGateway } from '../protocol/admitted';
import { type DeviceStage, type DeviceState, type Exchange, type LiveKey, stageOf } from '../state/device-state';
import { fetchRoot, tokenChannel, withPatience } from '../transport/channel';
import { Prover } from '../transport/prover';
import { assign, type AssignOptions, type DeviceContext, register, type RegisterOptions } from './entity-user-key';
import { importKey, type PreSharedKey } from './import-key';

interface SessionOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** `host:port` of the gateway's certificate port; else what the gateway told. */
  readonly certificateAddress?: string;
}

/** Of one call. */
const VERIFIERS_MAX = 2;

/** For how long another gateway may not know of a key that was registered, milliseconds. */
const NEW_TO_GATEWAYS_MS = duration(5, 'second');
const isUnknown = ({ reason }: CpnsError): boolean => reason === 'KEY_UNKNOWN';

/** One connection with one key; a newer key opens a new one. */
class GatewaySession {
  readonly keyId: string;
  readonly #connection: Connection;
  readonly #rpc: GatewayMethods;
  readonly #prover: Prover;

  /** @throws CpnsError CONFIGURATION_INVALID when a certificate holder lacks its key or the address to show it at */
  constructor(live: LiveKey, options: SessionOptions) {
    this.keyId = live.keyId;
    this.#connection = connectTo(live.form === 'secret' ? tokenPort(live) : certificatePort(live, options));
    this.#rpc = this.#connection.client(PnGatewayServiceService);
    this.#prover = new Prover(live, options.clock, options.random);
  }

  /**
   * Makes one call, and once more for each verifier whose clock shows to be another: the gateway's, and that of the service
   * behind it.
   * @param fn gets the gateway's RPCs, and what has to go with a call for it to be authenticated
   * @throws what the call throws; PROOF_OUTSIDE_WINDOW says how far this device's clock is off
   */
  async call<T>(fn: (rpc: GatewayMethods, authentication: CallOptions) => Promise<T>): Promise<T> {
    for (let attempts = 1; ; attempts++)
      try {
        return await fn(this.#rpc, this.#prover.authentication);
      } catch (error) {
        if (attempts > VERIFIERS_MAX || !this.#prover.learnClock(error)) throw explainClock(error);
      }
  }

  close(): void {
    this.#connection.close();
  }
}

const tokenPort = ({ endpoint, gateway, root }: LiveKey) => ({
  address: endpoint,
  expectedPeer: gateway,
  tls: { root: derToPem(root) },
});

/** A gateway that tells a false port gains nothing: TLS asks for its name there as well. */
function certificatePort(live: LiveKey, { certificateAddress = toldAddress(live) }: SessionOptions) {
  const { gateway, root, chain, privateKey } = live;
  const wrong = (message: string) => invalidArgument('CONFIGURATION_INVALID', message);
  if (certificateAddress === undefined)
    throw wrong('a certificate holder needs the address of its gateway’s certificate port');
  if (privateKey === undefined || chain === undefined) throw wrong('the key of the certificate is not in this device');
  const cert = dersToPem(chain);
  return {
    address: certificateAddress,
    expectedPeer: gateway,
    tls: { root: derToPem(root), cert, key: privateKeyPem(privateKey) },
  };
}

const toldAddress = ({ endpoint, certificatePort: port }: LiveKey): string | undefined =>
  port === undefined ? undefined : checkEndpoint(`${endpoint.slice(0, endpoint.lastIndexOf(':'))}:${port}`);

/** The clock is the owner's to set: only proofs follow a verifier's time, and only one that its MAC shows. */
function explainClock(error: unknown): unknown {
  if (!(error instanceof CpnsError) || error.reason !== 'PROOF_OUTSIDE_WINDOW') return error;
  const difference = Number(error.metadata.difference_ms);
  if (!Number.isFinite(difference) || difference === 0) return error;
  const seconds = Math.round(Math.abs(difference) / 1000);
  const side = difference > 0 ? 'ahead of' : 'behind';
  return new CpnsError('PROOF_OUTSIDE_WINDOW', `this device’s clock is ${seconds} s ${side} the verifier’s: set it`, {
    metadata: error.metadata,
    cause: error,
  });
}

export interface DeviceOptions extends Pick<DeviceContext, 'states' | 'logger'> {
  readonly clock?: Clock;
  readonly random?: Random;
  /** `host:port` of the gateway's certificate port, for certificate holders, where it is not what the gateway tells. */
  readonly certificateAddress?: string;
  /** Sees each Group Key as it was delivered, before it is judged: for diagnosis. */
  readonly onGroupKeyDelivery?: (delivery: GroupKeyDelivery) => void;
  /** Instead of the real ones; for tests. */
  readonly openChannel?: DeviceContext['openChannel'];
  readonly fetchRoot?: DeviceContext['fetchRoot'];
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** {@link DeviceOptions} with the defaults filled in. */
export function deviceContext(options: DeviceOptions): DeviceContext {
  const { clock = systemClock, random = systemRandom } = options;
  return {
    states: options.states,
    logger: options.logger,
    clock,
    random,
    openChannel: options.openChannel ?? tokenChannel,
    fetchRoot: options.fetchRoot ?? fetchRoot,
    ...(options.pause && { pause: options.pause }),
  };
}

/** What may be shown of a device: no secret is in it. */
export interface DeviceStatus {
  readonly stage: DeviceStage;
  /** E, or empty before there is an admission. */
  readonly entity: string;
  readonly user: string;
  readonly form?: KeyForm;
  /** URI of the CPNS Server or E of a gateway, once something was assigned. */
  readonly assigner?: string;
  /** Of S, 32 hexadecimal digits; once the key is live. */
  readonly keyId?: string;
  /** Unix milliseconds. */
  readonly notAfter?: number;
  /** In form key pair: DER, leaf to root. */
  readonly chain?: readonly Buffer[];
}

/**
 * A target entity: a PNE, or a PN GW towards an intermediate one (5.3.1.12.5). Its Entity-User Key is assigned, registered
 * and then used; every step is durable before the next one is taken, so that a device can be cut off at any moment and
 * goes on where it stood. One instance per store; two at once are told apart by CONFLICT.
 */
export class Device {
  readonly #context: DeviceContext;
  readonly #certificateAddress: string | undefined;
  /** Group Keys (5.3.1.12.6); in use once a key is live. */
  readonly groups: GroupKeys;
  #state: DeviceState;
  #session: GatewaySession | undefined;
  /** When this instance saw its key become live, Unix milliseconds. */
  #liveSince = -Infinity;

  private constructor(context: DeviceContext, state: DeviceState, options: DeviceOptions) {
    this.#context = context;
    this.#state = state;
    this.#certificateAddress = options.certificateAddress;
    const { clock, random, logger, pause } = context;
    const { onGroupKeyDelivery } = options;
    this.groups = new GroupKeys({
      states: context.states.groups,
      channel: gatewayChannel((call) => this.call(call)),
      liveKey: () => this.liveKey(),
      ...{ clock, random, logger },
      ...(pause && { pause }),
      ...(onGroupKeyDelivery && { onGroupKeyDelivery }),
    });
  }

  /** @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  static async open(options: DeviceOptions): Promise<Device> {
    const context = deviceContext(options);
    return new Device(context, await context.states.read(), options);
  }

  get stage(): DeviceStage {
    return stageOf(this.#state);
  }

  get status(): DeviceStatus {
    const { exchange, live } = this.#state;
    return exchange === undefined ? statusOfKey(this.stage, live) : statusOfExchange(exchange);
  }

  /**
   * EUK-SRV or EUK-GW, from wherever the device stands; nothing when it has been done with this one-time string.
   * @throws CpnsError see {@link assign}; NAME_INVALID for a string that enrols a PN GW at the Server
   */
  async assign(oneTime?: OneTimeString, options: AssignOptions = {}): Promise<DeviceStatus> {
    if (oneTime !== undefined && enrolsGateway(oneTime))
      throw invalidArgument('NAME_INVALID', 'the one-time string enrols a PN GW at the Server, not a target entity', {
        metadata: { field: 'peer' },
      });
    this.became(await assign(this.#context, oneTime, options));
    return this.status;
  }

  /** EUK-GW-VERIFY; nothing when the key is live. @throws CpnsError see {@link register} */
  async register(options: RegisterOptions = {}): Promise<DeviceStatus> {
    this.became(await register(this.#context, options));
    return this.status;
  }

  /** Q2: takes a pre-shared key. @throws CpnsError see {@link importKey} */
  async importKey(key: PreSharedKey): Promise<DeviceStatus> {
    this.became(await importKey(this.#context, key));
    return this.status;
  }

  /**
   * Tells the Device Capabilities Function about this device (GK-SECLEVEL).
   * @returns when the Server recorded it, Unix milliseconds
   * @throws CpnsError see {@link call}
   */
  async reportCapabilities(capabilities: DeviceCapabilities): Promise<number> {
    const { recordedAt } = await this.call((rpc, how) => rpc.reportCapabilities({ capabilities }, how));
    return Number(recordedAt);
  }

  /**
   * A call to the gateway under the live key: with a proof in form secret, by mutual TLS in form key pair; to join, leave and
   * report also with a proof to the service that decides. A device that is being given its next key still has this one. One
   * whose key became live a moment ago asks again where the gateway does not know it yet.
   * @throws CpnsError KEY_UNKNOWN when no key is live; CONFIGURATION_INVALID; what the call throws
   */
  async call<T>(fn: (rpc: GatewayMethods, authentication: CallOptions) => Promise<T>): Promise<T> {
    const { clock, pause } = this.#context;
    const waitMs = this.#liveSince + NEW_TO_GATEWAYS_MS - clock.now();
    const patience = { waitMs, clock, isPassing: isUnknown, ...(pause && { pause }) };
    return withPatience(patience, () => this.session().call(fn));
  }

  /** Ends the connection and overwrites the Group Keys in memory; the device can be used again all the same. */
  close(): void {
    this.closeSession();
    this.groups.close();
  }

  private became(state: DeviceState): void {
    if (state.live?.keyId !== this.#state.live?.keyId) this.#liveSince = this.#context.clock.now();
    this.#state = state;
  }

  private closeSession(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  private liveKey(): LiveKey {
    const { live } = this.#state;
    if (live === undefined)
      throw new CpnsError('KEY_UNKNOWN', 'the device has no live key yet: assign and register one');
    return live;
  }

  private session(): GatewaySession {
    const live = this.liveKey();
    if (this.#session?.keyId !== live.keyId) {
      this.closeSession();
      const { clock, random } = this.#context;
      const address = this.#certificateAddress;
      this.#session = new GatewaySession(live, { clock, random, ...(address && { certificateAddress: address }) });
    }
    return this.#session;
  }
}

function statusOfKey(stage: DeviceStage, live: LiveKey | undefined): DeviceStatus {
  if (live === undefined) return { stage, entity: '', user: '' };
  const { entity, user, form, assigner, keyId, notAfter, chain } = live;
  return { stage, entity, user, form, assigner, keyId, ...(notAfter && { notAfter }), ...(chain && { chain }) };
}

function statusOfExchange(exchange: Exchange): DeviceStatus {
  const { stage } = exchange;
  const { entity, user, form } = stage === 'assigning' ? exchange.pending.admitted : exchange.admitted;
  if (stage === 'assigning') return { stage, entity, user, form };
  const { assigner, notAfter } = exchange.assigned;
  const chain = exchange.assigned.form === 'key-pair' && { chain: exchange.assigned.chain };
  return { stage, entity, user, form, assigner, notAfter, ...chain };
}
