/** What a PN GW was provisioned with, and whether it is still in force. */
import { CpnsError, failedPrecondition } from '@cpns/core';
import { type Aggregate, jsonField, optional } from '@cpns/store';
import { withSpan, withStepChain } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { identityDigest, OwnGateway } from '../common/own-gateway';
import { LiveCredentials } from '../live-credentials/live-credentials';

/** What the gateway was provisioned with last, and what it is asking for. */
export const PROVISIONING_AGGREGATE: Aggregate = { kind: 'provisioning', id: 'own' };

/** When the gateway got something, or the Server last said that it is in force. */
export const PROVISIONED = {
  /** {@link identityDigest} then: under another identity it is not used. */
  identity: optional(jsonField<Buffer>()),
  /** Of what the Server said then: a later complete snapshot that does not name it voids it. */
  generation: optional(jsonField<bigint>()),
};

export interface Provisioned {
  readonly identity?: Buffer;
  readonly generation?: bigint;
}

@Injectable()
export class InForce {
  constructor(
    private readonly own: OwnGateway,
    private readonly credentials: LiveCredentials,
  ) {}

  /** Goes into the record of what the gateway gets now, or of what the Server names. */
  async stamp(): Promise<Required<Provisioned>> {
    return { identity: identityDigest(this.own), generation: await this.credentials.newestGeneration() };
  }

  async has({ identity, generation = 0n }: Provisioned): Promise<boolean> {
    if (!identity?.equals(identityDigest(this.own))) return false;
    return generation >= (await this.credentials.generation());
  }
}

/** One provisioning at a time, which serves all who ask for it while it runs; its steps are a trace of their own. */
export class ProvisioningRun<T> {
  #running: Promise<T> | undefined;

  run(task: () => Promise<T>): Promise<T> {
    this.#running ??= withSpan('cpns.provision', {}, () => withStepChain('', task)).finally(
      () => (this.#running = undefined),
    );
    return this.#running;
  }
}

/**
 * A request that was under way when what it got was revoked leads nowhere: it is forgotten, and another one sent.
 * @param isRefused true for the error that says so
 */
export async function askAnew<T>(
  ask: () => Promise<T>,
  isRefused: (error: CpnsError) => boolean,
  forget: () => Promise<void>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof CpnsError) || !isRefused(error)) throw error;
    await forget();
    return ask();
  }
}

/**
 * For an entity that waits for what is being asked for: that the Server is away means that this gateway cannot assign.
 * @param missing what the gateway lacks
 * @throws CpnsError GATEWAY_NOT_PROVISIONED; any other as it is
 */
export async function orNotProvisioned<T>(provisioning: Promise<T>, missing: string): Promise<T> {
  try {
    return await provisioning;
  } catch (cause) {
    if (!(cause instanceof CpnsError) || cause.code !== 'UNAVAILABLE') throw cause;
    throw failedPrecondition('GATEWAY_NOT_PROVISIONED', `the gateway has no ${missing} and does not reach the Server`, {
      cause,
    });
  }
}
