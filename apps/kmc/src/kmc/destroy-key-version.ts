/** SECCF-KMC: a retired version is of no use any more, so that nobody should be able to find it. */
import type { DestroyKeyVersionRequest } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { checkVersion, noSuchVersion } from './key-version';
import { keyAggregate, VERSION, versionName, type VersionRecord } from './records';
import { advanceVersion } from './life-cycle';

@Injectable()
export class DestroyKeyVersion {
  constructor(private readonly records: Records) {}

  /** Done, also when it was destroyed before. @throws CpnsError a field's reason; NOT_FOUND for what was never made */
  async execute(request: DestroyKeyVersionRequest): Promise<void> {
    const aggregate = keyAggregate(checkGroupId(request.groupId, 'group_id'));
    const wanted = { version: at(VERSION, versionName(checkVersion(request.version, 'version'))) };
    await this.records.transact(aggregate, wanted, ({ version }) => {
      if (version === undefined) throw noSuchVersion();
      if (version.state === 'destroyed') return { result: undefined };
      return { result: undefined, put: { version: destroyed(version) } };
    });
  }
}

/** What stays of a version: its number, and which request it was made for. */
export const destroyed = ({ version, state, requestId }: VersionRecord): VersionRecord => ({
  version,
  state: advanceVersion(state, 'destroy'),
  requestId,
});
