import type { WatchEndedCertificatesResponse } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { wireEndedPeer, type EndedPeer } from '../ended-peers';
import type { EndedPeersSource } from '../follow-ended-peers';

/** What the CPNS Server tells of ended certificates, as a test wants it. */
export class FakeEndedSource implements EndedPeersSource {
  /** How often the stream was opened. */
  opened = 0;
  #list: readonly EndedPeer[] = [];
  #away = false;
  readonly #changed = new Set<() => void>();

  readonly certificates: EndedPeersSource['certificates'] = {
    watchEndedCertificates: (_request, { signal } = {}) => {
      this.opened += 1;
      const over = new AbortController();
      const cancel = () => over.abort();
      signal?.addEventListener('abort', cancel, { once: true });
      return { cancel, [Symbol.asyncIterator]: () => this.#messages(over.signal) };
    },
  };

  /** Each in a message of its own, as a long list comes. */
  tell(...list: readonly EndedPeer[]): void {
    this.#list = list;
    this.#wake();
  }

  set away(away: boolean) {
    this.#away = away;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#changed]) wake();
  }

  async *#messages(signal: AbortSignal): AsyncGenerator<WatchEndedCertificatesResponse, void> {
    while (!signal.aborted) {
      if (this.#away) throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the CPNS Server is away');
      const changed = new Promise<void>((resolve) => {
        this.#changed.add(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      for (const one of this.#list) yield { ended: [wireEndedPeer(one)], complete: false };
      yield { ended: [], complete: true };
      await changed;
      this.#changed.clear();
    }
  }
}
