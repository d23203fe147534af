/** Calls with a live key, to the PN GW that the device belongs to (protocol.md, "Proof of a secret, on each call"). */
import { derToPem, dersToPem, privateKeyPem } from '@cpns/certificate-issuance';
import { PnGatewayServiceService } from '@cpns/contracts';
import { CpnsError, invalidArgument, NONCE_BYTES, type Clock, type Random } from '@cpns/core';
import { connectTo, type CallOptions, type ClientMethods, type Connection } from '@cpns/grpc';
import { deriveConfirmKey, makeProof } from '@cpns/key-derivation';
import type { LiveKey } from '../state/device-state';

export interface SessionOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** `host:port` of the gateway's certificate port; needed in form key pair. */
  readonly certificateAddress?: string;
}

export type GatewayMethods = ClientMethods<typeof PnGatewayServiceService>;

/** One connection with one key; a newer key opens a new one. */
export class GatewaySession {
  readonly keyId: string;
  readonly #connection: Connection;
  readonly #rpc: GatewayMethods;
  readonly #authentication: CallOptions;

  /** @throws CpnsError CONFIGURATION_INVALID when a certificate holder lacks its key or the address to show it at */
  constructor(live: LiveKey, options: SessionOptions) {
    this.keyId = live.keyId;
    this.#connection = connectTo(live.form === 'secret' ? tokenPort(live) : certificatePort(live, options));
    this.#rpc = this.#connection.client(PnGatewayServiceService);
    this.#authentication = live.form === 'secret' ? { proof: prover(live, options) } : {};
  }

  /**
   * Makes one call.
   * @param fn gets the gateway's RPCs, and what has to go with a call for it to be authenticated
   * @throws what the call throws; PROOF_OUTSIDE_WINDOW says how far this device's clock is off
   */
  async call<T>(fn: (rpc: GatewayMethods, authentication: CallOptions) => Promise<T>): Promise<T> {
    try {
      return await fn(this.#rpc, this.#authentication);
    } catch (error) {
      throw explainClock(error);
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

function certificatePort({ gateway, root, chain, privateKey }: LiveKey, { certificateAddress }: SessionOptions) {
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

/** A new proof for each call: the audience is the peer that TLS verified. */
function prover({ secret, keyId, entity, gateway }: LiveKey, { clock, random }: SessionOptions) {
  const confirmKey = deriveConfirmKey(secret);
  return (method: string, requestDigest: Buffer): Buffer => {
    const fields = { keyId, entity, timeMs: clock.now(), nonce: random.bytes(NONCE_BYTES) };
    return makeProof(confirmKey, fields, { audience: gateway, method, requestDigest });
  };
}

/** The clock is the owner's to set: a device that followed the time in a refusal could be led anywhere in time. */
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
