/** Who is watching at the moment, in this process: tells of groups whose key changed, never what it is. */
import { CpnsError, failedPrecondition } from '@cpns/core';
import type { CallerEntity } from '@cpns/grpc';
import { keyIdText } from '@cpns/key-derivation';
import { Injectable } from '@nestjs/common';

/**
 * What one watcher still has to look at. A group stands in it once, however often its key changed meanwhile: a slow
 * watcher gets the newest, and nothing queues up for it.
 */
export class Watcher {
  readonly #groups = new Set<string>();
  #ended: { readonly error: CpnsError | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(readonly caller: CallerEntity) {}

  tell(groupId: string): void {
    this.#groups.add(groupId);
    this.#wake?.();
  }

  /** @param error what the caller is told; without one the watch is simply over */
  end(error?: CpnsError): void {
    this.#ended ??= { error };
    this.#wake?.();
  }

  /** The next group to look at, in the order in which they were told; undefined when the watch is over. @throws what ended it */
  async next(): Promise<string | undefined> {
    for (;;) {
      if (this.#ended?.error !== undefined) throw this.#ended.error;
      if (this.#ended !== undefined) return undefined;
      for (const groupId of this.#groups) {
        this.#groups.delete(groupId);
        return groupId;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }
}

@Injectable()
export class GroupKeyHub {
  readonly #watchers = new Map<string, Watcher>();

  /** Entities that watch. */
  get size(): number {
    return this.#watchers.size;
  }

  /** One watch for each entity: a newer one ends the older, whose other end is most likely gone. */
  open(caller: CallerEntity): Watcher {
    const watcher = new Watcher(caller);
    this.#watchers.get(caller.entity)?.end(new CpnsError('CONFLICT', 'a newer watch of this entity took over'));
    this.#watchers.set(caller.entity, watcher);
    return watcher;
  }

  close(watcher: Watcher): void {
    watcher.end();
    if (this.#watchers.get(watcher.caller.entity) === watcher) this.#watchers.delete(watcher.caller.entity);
  }

  /** @param entities E of each whose key of the group changed */
  publish(groupId: string, entities: readonly string[]): void {
    for (const entity of entities) this.#watchers.get(entity)?.tell(groupId);
  }

  /** Ends the watch that was opened with a key that is no longer good. @param keyId in text */
  keyEnded(entity: string, keyId: string): void {
    const watcher = this.#watchers.get(entity);
    if (watcher?.caller.by.kind === 'proof' && keyIdText(watcher.caller.by.keyId) === keyId) watcher.end(keyRevoked());
  }
}

const keyRevoked = (): CpnsError =>
  failedPrecondition('KEY_REVOKED', 'the key is no longer in force: watch again with the one that is');
