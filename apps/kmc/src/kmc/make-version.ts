import { Clock, CpnsError, duration, GroupKey, Random, SECRET_BYTES } from '@cpns/core';
import { at, expiring, Records, type Decision, type Found } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import {
  CLAIM,
  HEAD,
  keyAggregate,
  requestAggregate,
  VERSION,
  versionName,
  type HeadRecord,
  type VersionRecord,
} from './records';

export interface VersionRequest {
  readonly groupId: string;
  /** The version that it follows; 0 for a group's first. */
  readonly previous: bigint;
  /** 16 bytes */
  readonly requestId: Buffer;
}

/** Throws the reason why no new version can follow this head. */
export type CheckMayFollow = (head: HeadRecord | undefined) => void;

/** A request is repeated within minutes. Later the version itself still knows which request it was made for. */
const CLAIM_MS = duration(30, 'day');

/**
 * Makes the version that follows another, once for each request id, with random material. Wherever a crash falls, the same
 * request goes on: first the request id is claimed, which changes nothing for anybody else, and then version and head are
 * written in one commit.
 */
@Injectable()
export class MakeVersion {
  constructor(
    private readonly records: Records,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** @throws CpnsError what `checkMayFollow` throws; CONFLICT for a request id that was used for another request */
  async execute(request: VersionRequest, checkMayFollow: CheckMayFollow): Promise<VersionRecord> {
    const aggregate = keyAggregate(request.groupId);
    const number = request.previous + 1n;
    const wanted = { head: at(HEAD), version: at(VERSION, versionName(number)) };
    const earlier = ({ head, version }: Found<typeof wanted>) => {
      if (head?.state === 'live' && version?.requestId.equals(request.requestId)) return version;
      checkMayFollow(head);
      return undefined;
    };
    // what is refused here leaves nothing behind
    const answered = earlier(await this.records.read(aggregate, wanted));
    if (answered !== undefined) return answered;
    await this.claim(request);
    const made = this.newVersion(number, request.requestId);
    return this.records.transact(aggregate, wanted, (found): Decision<typeof wanted, VersionRecord> => {
      const meanwhile = earlier(found);
      if (meanwhile !== undefined) return { result: meanwhile };
      return { result: made, put: { head: { state: 'live', newest: number }, version: made } };
    });
  }

  private newVersion(version: bigint, requestId: Buffer): VersionRecord {
    return { version, state: 'live', requestId, groupKey: new GroupKey(this.random.bytes(SECRET_BYTES)) };
  }

  private claim({ groupId, previous, requestId }: VersionRequest): Promise<void> {
    return this.records.transact(requestAggregate(requestId), { claim: at(CLAIM) }, ({ claim }) => {
      if (claim === undefined)
        return { result: undefined, put: { claim: expiring({ groupId, previous }, this.clock.now() + CLAIM_MS) } };
      if (claim.groupId !== groupId || claim.previous !== previous)
        throw new CpnsError('CONFLICT', 'the request id was used for another request: take a new one');
      return { result: undefined };
    });
  }
}
