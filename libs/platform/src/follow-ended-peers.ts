/** SMF and KMC hear from the CPNS Server whose certificates were ended: they see callers that it does not see. */
import type { CertificateServiceService, WatchEndedCertificatesResponse } from '@cpns/contracts';
import { backoffAfter, Clock, duration, Random } from '@cpns/core';
import type { ClientMethods } from '@cpns/grpc';
import { at, Records } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackgroundLoop } from './background-loop';
import { ENDED, ENDED_AGGREGATE, endedPeerOf, EndedPeers, withEnded, type EndedPeer } from './ended-peers';

/** Where the CPNS Server tells of ended certificates. */
export abstract class EndedPeersSource {
  abstract readonly certificates: Pick<ClientMethods<typeof CertificateServiceService>, 'watchEndedCertificates'>;
}

const BACKOFF = { first: 100, longest: duration(2, 'second') };

/**
 * Follows the list for as long as the process runs. What was heard stays in a record until its time is over, so that a
 * restart begins with it, and a Server that lost it takes nothing back.
 */
@Injectable()
export class FollowEndedPeers extends BackgroundLoop implements OnModuleInit {
  #list: readonly EndedPeer[] = [];
  #following = false;

  constructor(
    private readonly source: EndedPeersSource,
    private readonly ended: EndedPeers,
    private readonly records: Records,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
  ) {
    super();
  }

  /** True while the list is the Server's: a whole one came, and the stream that tells of changes is open. */
  get following(): boolean {
    return this.#following;
  }

  /** Before the ports open. @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async onModuleInit(): Promise<void> {
    const { ended } = await this.records.read(ENDED_AGGREGATE, { ended: at(ENDED) });
    this.#list = ended?.entries ?? [];
    this.ended.replace(this.#list);
  }

  async run(signal: AbortSignal): Promise<void> {
    let attempts = 0;
    while (!signal.aborted) {
      try {
        for await (const list of lists(this.source.certificates.watchEndedCertificates({}, { signal }))) {
          await this.#take(list);
          this.#following = true;
          attempts = 0;
        }
      } catch (error) {
        if (!signal.aborted) this.logger.warn('the list of ended certificates is not followed', { error });
      }
      this.#following = false;
      const wait = backoffAfter(BACKOFF, ++attempts, this.random);
      await sleep(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Refuses them first: a store that is away keeps no ended peer in. */
  async #take(list: readonly EndedPeer[]): Promise<void> {
    const now = this.clock.now();
    this.#list = withEnded(this.#list, list, now);
    this.ended.replace(this.#list);
    await this.records.transact(ENDED_AGGREGATE, { ended: at(ENDED) }, (found) => {
      const before = found.ended?.entries ?? [];
      const entries = withEnded(before, list, now);
      return entries.length === before.length && entries.every((entry, n) => entry === before[n])
        ? { result: undefined }
        : { result: undefined, put: { ended: { entries } } };
    });
  }
}

/** Each whole list, of the parts in which it comes. */
async function* lists(parts: AsyncIterable<WatchEndedCertificatesResponse>): AsyncGenerator<readonly EndedPeer[]> {
  let list: EndedPeer[] = [];
  for await (const { ended, complete } of parts) {
    list.push(...ended.flatMap(endedPeerOf));
    if (!complete) continue;
    yield list;
    list = [];
  }
}
