/** SECCF-KMC, GK-DELETE step 3: the end of a Group Key in all its versions, and of its group-id. */
import type { DestroyKeyRequest } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { at, Records, type RecordRef, type Aggregate } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { destroyed, noSuchKey } from './group-keys';
import { HEAD, keyAggregate, VERSION, versionName, type HeadRecord } from './records';
import { advanceKey, type KeyEvent } from './life-cycle';

/** Versions that one commit destroys: an expectation and a put each, well below what a commit of the store may have. */
const CHUNK = 500n;

@Injectable()
export class DestroyKey {
  constructor(private readonly records: Records) {}

  /**
   * First nothing of the key is given out any more, then its versions are destroyed; after a crash the same call goes on.
   * Done, also when it was destroyed before.
   * @throws CpnsError a field's reason; NOT_FOUND for a group that never had a key
   */
  async execute(request: DestroyKeyRequest): Promise<void> {
    const aggregate = keyAggregate(checkGroupId(request.groupId, 'group_id'));
    const head = await this.advance(aggregate, 'destroy');
    if (head.state === 'ended') return;
    for (let from = 1n; from <= head.newest; from += CHUNK) await this.clear(aggregate, namesFrom(from, head.newest));
    await this.advance(aggregate, 'cleared');
  }

  private advance(aggregate: Aggregate, event: KeyEvent): Promise<HeadRecord> {
    return this.records.transact(aggregate, { head: at(HEAD) }, ({ head }) => {
      if (head === undefined) throw noSuchKey();
      const state = advanceKey(head.state, event);
      if (state === head.state) return { result: head };
      const next = { ...head, state };
      return { result: next, put: { head: next } };
    });
  }

  private clear(aggregate: Aggregate, names: readonly string[]): Promise<void> {
    const wanted: Record<string, RecordRef<typeof VERSION.fields>> = Object.fromEntries(
      names.map((name) => [name, at(VERSION, name)]),
    );
    return this.records.transact(aggregate, wanted, (found) => {
      const live = Object.entries(found).flatMap(([name, version]) =>
        version?.state === 'live' ? [[name, destroyed(version)] as const] : [],
      );
      return live.length === 0 ? { result: undefined } : { result: undefined, put: Object.fromEntries(live) };
    });
  }
}

function namesFrom(from: bigint, newest: bigint): string[] {
  const names: string[] = [];
  for (let version = from; version < from + CHUNK && version <= newest; version++) names.push(versionName(version));
  return names;
}
