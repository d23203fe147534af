import { CpnsError } from '@cpns/core';
import { Injectable } from '@nestjs/common';

/** Whether this is the only process with the gateway's identity, as the senders of its logs say. */
@Injectable()
export class SoleProcess {
  readonly #refused = new Set<string>();

  /** @param channel name of a channel that was refused because another process has it, or is open again */
  note(channel: string, isRefused: boolean): void {
    if (isRefused) this.#refused.add(channel);
    else this.#refused.delete(channel);
  }

  isRefused(channel: string): boolean {
    return this.#refused.has(channel);
  }

  /** @throws CpnsError RESYNCHRONISING while another process has a channel: what this one knows may be old */
  assert(): void {
    if (this.#refused.size > 0)
      throw new CpnsError('RESYNCHRONISING', 'another process with the identity of this gateway has its channel');
  }
}
