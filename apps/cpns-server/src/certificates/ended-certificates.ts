/** The list of ended certificates: one record, whose log wakes every replica. */
import { PROFILES } from '@cpns/certificate-issuance';
import { Clock, CpnsError, invalidArgument } from '@cpns/core';
import { systemTimers, WakeSignal } from '@cpns/delivery';
import {
  BackgroundLoop,
  ENDED,
  ENDED_AGGREGATE,
  EndedPeers,
  RecentRecords,
  withEnded,
  type EndedPeer,
} from '@cpns/platform';
import { at, Records, Store } from '@cpns/store';
import { Logger } from '@cpns/telemetry';
import { Injectable, type OnModuleInit } from '@nestjs/common';

const LOG = 'ended';
const [DEFAULT_PAGE, PAGE_MAX] = [100, 1_000];
/** Says nothing but that something changed, and is trimmed at once. */
const WAKE = { log: LOG, dedupeId: 'changed', value: Buffer.alloc(0) };
const NONE: readonly EndedPeer[] = [];
/** A log is trimmed as far as it goes. */
const ALL = 2n ** 53n - 1n;
/** How often a replica looks that no wake-up told of a change, milliseconds: a port refuses within a second. */
const LOOK_EVERY = 400;
/** Operators and services whose certificates were ended: more than a deployment has. */
const ENDED_MAX = 1_024;
/** No certificate lives longer than this, milliseconds. */
const LONGEST_LIFE = Math.max(PROFILES.operator.maxLifetime, PROFILES.service.maxLifetime);

/** A gateway's identity certificate, as its record has it. */
interface IdentityCertificate {
  /** SHA-256, 32 bytes. */
  readonly certificateDigest: Buffer;
  /** Unix milliseconds. */
  readonly notAfter: number;
}

@Injectable()
export class EndedCertificates extends BackgroundLoop implements OnModuleInit {
  #entries = NONE;
  #stored = NONE;
  #reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly records: Records,
    private readonly recent: RecentRecords,
    private readonly ended: EndedPeers,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    super();
  }

  /** As this replica has it now. */
  get entries(): readonly EndedPeer[] {
    return this.#entries;
  }

  /**
   * @param size 1 to 1,000; 0 means 100
   * @param token of the page before; empty for the first
   * @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID
   */
  page(size: number, token: string): { readonly entries: readonly EndedPeer[]; readonly next: string } {
    if (size > PAGE_MAX)
      throw invalidArgument('FIELD_OUT_OF_RANGE', `a page has ${PAGE_MAX} items at most`, {
        metadata: { field: 'page_size' },
      });
    const start = token === '' ? 0 : Number(/^[1-9]\d{0,4}$/.exec(token)?.[0] ?? NaN);
    if (!(start <= this.#entries.length))
      throw invalidArgument('PAGE_TOKEN_INVALID', 'the page token was not given out here');
    const next = start + (size || DEFAULT_PAGE);
    return { entries: this.#entries.slice(start, next), next: next < this.#entries.length ? String(next) : '' };
  }

  /**
   * Ends a key or an operator for as long as a certificate can live.
   * @returns the entry, with the time at which it was ended first
   * @throws CpnsError LIMIT_REACHED
   */
  end(by: 'key' | 'uri', value: string): Promise<EndedPeer> {
    const now = this.clock.now();
    return this.add({ by, value, endedAt: now, until: now + LONGEST_LIFE });
  }

  /**
   * Ends the calls that a gateway has under way with an identity certificate which is to be revoked or replaced. To be
   * called before the commit that ends the identity as well as after it, with what it ended: a crash in between leaves a
   * certificate that is refused too early, never one that goes on; and of two that race each is named.
   */
  async endIdentity(identity: IdentityCertificate | undefined): Promise<void> {
    if (identity === undefined) return;
    const value = identity.certificateDigest.toString('hex');
    await this.add({ by: 'certificate', value, endedAt: this.clock.now(), until: identity.notAfter });
  }

  /** Resolves when it is written down and comes to bear here. @throws CpnsError LIMIT_REACHED */
  private async add(entry: EndedPeer): Promise<EndedPeer> {
    const now = this.clock.now();
    // with what a store that lost writes lacks
    const more = [...this.#entries, entry];
    const isSame = ({ by, value }: EndedPeer) => by === entry.by && value === entry.value;
    const result = await this.records.transact(ENDED_AGGREGATE, { ended: at(ENDED) }, ({ ended }) => {
      const before = ended?.entries ?? [];
      const known = before.find(isSame);
      if (known !== undefined) return { result: known };
      const entries = withEnded(before, more, now);
      if (entries.filter(({ by }) => by !== 'certificate').length > ENDED_MAX)
        throw new CpnsError('LIMIT_REACHED', `${ENDED_MAX} keys and operators are ended at a time at most`);
      return { result: entry, put: { ended: { entries } }, append: [WAKE], trim: [{ log: LOG, upTo: ALL }] };
    });
    await this.refresh();
    return result;
  }

  /** Before the ports open. @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  onModuleInit(): Promise<void> {
    return this.refresh();
  }

  async run(signal: AbortSignal): Promise<void> {
    const woken = new WakeSignal();
    signal.addEventListener('abort', () => woken.wake(), { once: true });
    await this.store.watch(ENDED_AGGREGATE, LOG, () => woken.wake(), signal);
    while (!signal.aborted) {
      await woken.wait(systemTimers, LOOK_EVERY);
      if (signal.aborted) return;
      await this.refresh().catch((error: unknown) =>
        this.logger.warn('the list of ended certificates could not be read', { error }),
      );
    }
  }

  /** Takes over what any replica wrote, one reading after another: an older one would take back what a newer has. */
  private refresh(): Promise<void> {
    const reading = this.#reading.then(() => this.read());
    // the caller hears of the error; the next reading begins all the same
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  private async read(): Promise<void> {
    const { ended } = await this.recent.read(ENDED_AGGREGATE, { ended: at(ENDED) });
    const stored = ended?.entries ?? NONE;
    if (stored === this.#stored) return;
    this.#stored = stored;
    this.#entries = withEnded(this.#entries, stored, this.clock.now());
    this.ended.replace(this.#entries);
  }
}
