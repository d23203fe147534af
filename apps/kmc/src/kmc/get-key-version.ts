/** SECCF-KMC: a version that was made before, for a pull or after a restart of the CPNS Server. */
import type { GetKeyVersionRequest, KeyVersion } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { checkVersion, keyVersion, noSuchKey, noSuchVersion } from './key-version';
import { HEAD, keyAggregate, VERSION, versionName } from './records';

@Injectable()
export class GetKeyVersion {
  constructor(private readonly records: Records) {}

  /** @throws CpnsError a field's reason; NOT_FOUND for what was never made, or was destroyed */
  async execute(request: GetKeyVersionRequest): Promise<KeyVersion> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const name = versionName(checkVersion(request.version, 'version'));
    const wanted = { head: at(HEAD), version: at(VERSION, name) };
    const { head, version } = await this.records.read(keyAggregate(groupId), wanted);
    // while a key is ending, some of its versions still have their material
    if (head?.state !== 'live') throw noSuchKey();
    if (version === undefined) throw noSuchVersion();
    return keyVersion(groupId, version);
  }
}
