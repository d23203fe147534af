/** A receiver's log, the one channel that has it, and what its receiver was told. */
import { randomBytes } from 'node:crypto';
import { duration, systemClock, type Clock } from '@cpns/core';
import { at, defineRecord, jsonField, type Position, type Records } from '@cpns/store';
import type { DeliveryLog } from './delivery-log';
import type { LogHead } from './judge-position';

/** How long a claim holds after the receiver's last sign of life, milliseconds. */
export const CLAIM_MS = duration(30, 'second');
/** Entries that may wait in a log. */
export const WAITING_MAX = 4_096n;

/** The channel that has the log: its acknowledgements alone count. Named `claim.<log>`. */
export const CLAIM = defineRecord('claim', {
  /** Of the channel, 16 random bytes. */
  token: jsonField<Buffer>(),
  processId: jsonField<Buffer>(),
  /** SHA-256 of the receiver's certificate, 32 bytes. */
  fingerprint: jsonField<Buffer>(),
  /** Unix milliseconds. */
  until: jsonField<number>(),
  /** When another process with the same certificate asked for the log last, Unix milliseconds; 0 for never. */
  otherProcessAt: jsonField<number>(),
});

/** Named `log-head.<log>`. */
export const LOG_HEAD = defineRecord('log-head', {
  life: jsonField<string>(),
  snapshotAt: jsonField<number>(),
  incarnation: jsonField<string>(),
  overflowed: jsonField<boolean>(),
});

/** Who asks for a log. */
export interface Claimant {
  readonly processId: Buffer;
  readonly fingerprint: Buffer;
}

const wantedOf = ({ log }: DeliveryLog) => ({
  claim: at(CLAIM, `claim.${log}`),
  head: at(LOG_HEAD, `log-head.${log}`),
});
type Claimed = ReturnType<typeof wantedOf>;

export class ClaimedLog {
  readonly #wanted: Claimed;

  constructor(
    private readonly records: Records,
    readonly log: DeliveryLog,
    private readonly clock: Clock = systemClock,
  ) {
    this.#wanted = wantedOf(log);
  }

  /**
   * Takes the log for a channel: at once for the process that has it, and for another certificate, since the caller has
   * checked that it is the one in force; else when the claim is over.
   * @param isFirst the other process is told
   * @returns the token of the claim; or until when another process has it
   */
  async claim({ processId, fingerprint }: Claimant, isFirst: boolean): Promise<Buffer | number> {
    const now = this.clock.now();
    const token = randomBytes(16);
    return this.records.transact<Claimed, Buffer | number>(this.log.aggregate, this.#wanted, ({ claim }) => {
      const isOther = claim?.processId.equals(processId) === false && claim.fingerprint.equals(fingerprint);
      if (claim === undefined || !isOther || claim.until <= now) {
        const taken = { token, processId, fingerprint, until: now + CLAIM_MS, otherProcessAt: 0 };
        return { result: token, put: { claim: taken } };
      }
      const put = { claim: { ...claim, otherProcessAt: now } };
      return { result: claim.until, ...(isFirst && { put }) };
    });
  }

  /** Notes a sign of life. @returns when another process asked for the log; undefined where the claim is lost */
  async renew(token: Buffer): Promise<number | undefined> {
    const until = this.clock.now() + CLAIM_MS;
    return this.records.transact(this.log.aggregate, this.#wanted, ({ claim }) =>
      claim?.token.equals(token) === true
        ? { result: claim.otherProcessAt, put: { claim: { ...claim, until } } }
        : { result: undefined },
    );
  }

  async release(token: Buffer): Promise<void> {
    await this.records.transact(this.log.aggregate, this.#wanted, ({ claim }) =>
      claim?.token.equals(token) === true ? { result: undefined, put: { claim: null } } : { result: undefined },
    );
  }

  /** The receiver has everything to be told: at its next opening, since a channel that has the log ends. */
  async beginAnew(): Promise<void> {
    await this.records.transact(this.log.aggregate, this.#wanted, () => ({
      result: undefined,
      put: { claim: null, head: null },
    }));
  }

  async head(): Promise<LogHead | undefined> {
    return (await this.records.read(this.log.aggregate, this.#wanted)).head;
  }

  /**
   * Forgets what the receiver has committed, and with it that it has a snapshot.
   * @returns false where another channel has the log
   * @throws CpnsError CONFLICT where the log has another entry at that position
   */
  async acknowledge(token: Buffer, { sequence, entryId }: Position, head?: LogHead): Promise<boolean> {
    const trim = sequence === 0n ? [] : [{ log: this.log.log, upTo: sequence, entryId }];
    return this.records.transact(this.log.aggregate, this.#wanted, ({ claim }) =>
      claim?.token.equals(token) === true
        ? { result: true, trim, put: head === undefined ? {} : { head } }
        : { result: false },
    );
  }

  /** Lets entries go of which more than {@link WAITING_MAX} wait; the receiver gets a snapshot in their place. */
  async bound(): Promise<void> {
    const { last, trimmedTo } = await this.log.read(0n, 1);
    if (last - trimmedTo <= WAITING_MAX) return;
    await this.records.transact(this.log.aggregate, this.#wanted, ({ head }) => ({
      result: undefined,
      put: head === undefined ? {} : { head: { ...head, overflowed: true } },
      trim: [{ log: this.log.log, upTo: last }],
    }));
  }
}
