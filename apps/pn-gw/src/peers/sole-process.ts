import { CpnsError } from '@cpns/core';
import { Injectable } from '@nestjs/common';

/** Reasons of a sender that no repeated opening mends: they stand until the channel is open. */
const STANDING = ['ALREADY_CONNECTED', 'CERTIFICATE_REVOKED'] as const;
type Standing = (typeof STANDING)[number];

/** Whether this is the only process with the gateway's identity, and that is in force, as the senders of its logs say. */
@Injectable()
export class SoleProcess {
  readonly #refused = new Map<string, Standing>();

  /** @returns whether another process has the channel */
  noteRefusal(channel: string, error: unknown): boolean {
    const reason = error instanceof CpnsError ? STANDING.find((one) => one === error.reason) : undefined;
    if (reason !== undefined) this.#refused.set(channel, reason);
    return reason === 'ALREADY_CONNECTED';
  }

  noteOpen(channel: string): void {
    this.#refused.delete(channel);
  }

  /** Whether another process has a channel. */
  isElsewhere(channel: string): boolean {
    return this.#refused.get(channel) === 'ALREADY_CONNECTED';
  }

  /** @throws CpnsError RESYNCHRONISING while another process has a channel: what this one knows may be old */
  assert(): void {
    if ([...this.#refused.values()].includes('ALREADY_CONNECTED'))
      throw new CpnsError('RESYNCHRONISING', 'another process with the identity of this gateway has its channel');
  }

  /** @throws CpnsError CERTIFICATE_REVOKED while a service refuses this gateway's certificate; as {@link assert} */
  assertAdmitted(): void {
    this.assert();
    if (this.#refused.size > 0)
      throw new CpnsError('CERTIFICATE_REVOKED', 'the certificate of this gateway was ended: enrol it anew');
  }
}
