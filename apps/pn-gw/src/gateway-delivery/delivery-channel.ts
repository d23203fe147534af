/** The gateway's ends of the logs that are delivered to it, and what it does with each entry of the CPNS Server's. */
import type { GatewayGroupKeyDelivery, KeyRevocation, OpenDeliveryChannelResponse } from '@cpns/contracts';
import { checkFirstSeedId, CpnsError, isRefusal } from '@cpns/core';
import { DeliveryClient, type ReceiverChannel, type ReceiverMessage } from '@cpns/delivery';
import { BackgroundLoop } from '@cpns/platform';
import { type Aggregate, at, defineRecord, jsonField, Records } from '@cpns/store';
import { Logger, withStepChain, withTraceparent } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { GroupKeyHub } from '../cskmf/envelopes';
import { AcceptPush } from '../cskmf/server-cskmf';
import { AssignedKeys, TokenGrants } from '../entity-user-key/assigned-keys';
import { ServerClients } from '../peers/peer-clients';
import { FirstSeeds } from '../provisioning/first-seeds';
import { AdoptFirstSeed } from '../provisioning/manufactured-seeds';

/** How far a log was worked off. */
export const DELIVERED = defineRecord('delivered', { lastSequence: jsonField<bigint>() });

interface Entry {
  readonly sequence: bigint;
  readonly traceparent: string;
}

/** Both channels have the same two messages in this direction. */
interface Answer {
  message: { $case: 'opening'; value: { lastSequence: bigint } } | { $case: 'acknowledge'; value: bigint } | undefined;
}

export interface ChannelOptions<In> {
  /** What it is called in the log. */
  readonly name: string;
  readonly open: () => ReceiverChannel<In, Answer>;
  /** Where it is kept how far the log was worked off. */
  readonly progress: Aggregate;
  /** Resolves when everything that the entry means is committed. Done twice it has to be the same as done once. */
  readonly handle: (entry: In) => Promise<void>;
}

/**
 * What the gateway's two channels have in common: it dials out, works entries off one by one, acknowledges what is
 * committed. An entry and the progress past it lie in two aggregates; each effect is the same when done twice, so that nothing is lost
 * or doubled by a crash in between.
 */
@Injectable()
export class Channels {
  constructor(
    private readonly records: Records,
    private readonly logger: Logger,
  ) {}

  /** Keeps a channel open until the signal aborts. */
  run<In extends Entry>({ name, open, progress, handle }: ChannelOptions<In>, signal: AbortSignal): Promise<void> {
    const client = new DeliveryClient<In, Answer>({
      open,
      codec: { send: (message) => ({ message: wireMessage(message) }), sequenceOf: ({ sequence }) => sequence },
      lastSequence: async () => (await this.records.read(progress, WANTED)).delivered?.lastSequence ?? 0n,
      handle: async (entry, sequence) => {
        const { traceparent } = entry;
        await withTraceparent(traceparent, () => withStepChain(traceparent, () => handle(entry)));
        await this.records.transact(progress, WANTED, () => ({
          result: undefined,
          put: { delivered: { lastSequence: sequence } },
        }));
      },
      onState: (state) => this.logger.debug(`${name} channel`, { state }),
      onFailure: (error, retryIn) => this.logger.warn(`${name} channel failed`, { error, retryInMs: retryIn }),
      backoff: { first: 100, longest: 2_000 },
    });
    return client.run(signal);
  }
}

const WANTED = { delivered: at(DELIVERED) };

const wireMessage = (message: ReceiverMessage): NonNullable<Answer['message']> =>
  message.kind === 'opening'
    ? { $case: 'opening', value: { lastSequence: message.lastSequence } }
    : { $case: 'acknowledge', value: message.sequence };

/** What a PN GW does with each entry of its delivery log. Every effect is the same when an entry comes twice. */
@Injectable()
export class ApplyEntry {
  constructor(
    private readonly grants: TokenGrants,
    private readonly keys: AssignedKeys,
    private readonly seeds: FirstSeeds,
    private readonly adoptSeed: AdoptFirstSeed,
    private readonly pushes: AcceptPush,
    private readonly hub: GroupKeyHub,
    private readonly logger: Logger,
  ) {}

  /** @throws CpnsError a field's reason; an entry of a kind that this gateway does not know is MALFORMED_MESSAGE */
  async execute({ entry, traceparent }: OpenDeliveryChannelResponse): Promise<void> {
    switch (entry?.$case) {
      case 'tokenGrant':
        return this.grants.keep(entry.value);
      case 'tokenRevocation':
        return this.grants.revoke(entry.value);
      case 'firstSeedRevocation':
        return this.seeds.destroy(checkFirstSeedId(entry.value.firstSeedId, 'first_seed_id'));
      case 'firstSeedImport':
        return this.adoptSeed.execute(entry.value);
      case 'keyRevocation':
        return this.forgetKey(entry.value);
      case 'groupKey':
        return this.push(entry.value, traceparent);
      case undefined:
        throw new CpnsError('MALFORMED_MESSAGE', 'the delivery channel brought an entry of an unknown kind');
    }
  }

  /** One that can never be good must not keep what comes after it from the gateway: its members ask for the key. */
  private async push(message: GatewayGroupKeyDelivery, traceparent: string): Promise<void> {
    try {
      await this.pushes.execute(message, traceparent);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const { groupId, version } = message.statement ?? {};
      this.logger.error('a pushed Group Key was refused', { groupId, version: String(version), error });
    }
  }

  private async forgetKey(message: KeyRevocation): Promise<void> {
    const { entity, keyId } = await this.keys.forget(message);
    this.hub.keyEnded(entity, keyId);
  }
}

/** The gateway's end of its delivery channel: CSKMF to CSKMF. */
@Injectable()
export class DeliveryChannel extends BackgroundLoop {
  constructor(
    private readonly channels: Channels,
    private readonly server: ServerClients,
    private readonly apply: ApplyEntry,
  ) {
    super();
  }

  run(signal: AbortSignal): Promise<void> {
    const channel = {
      name: 'delivery',
      open: () => this.server.groupKeyDelivery.openDeliveryChannel(),
      progress: { kind: 'delivery', id: 'own' },
      handle: (entry: OpenDeliveryChannelResponse) => this.apply.execute(entry),
    };
    return this.channels.run(channel, signal);
  }
}
