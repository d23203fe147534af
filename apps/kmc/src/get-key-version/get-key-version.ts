/** SECCF-KMC: a version that was made before, for a pull or after a restart of the CPNS Server. */
import type { GetKeyVersionRequest, KeyVersion } from '@cpns/contracts';
import { checkGroupId } from '@cpns/core';
import { at } from '@cpns/store';
import type { KmcContext } from '../context';
import { checkVersion, keyVersion, noSuchKey, noSuchVersion } from '../key-versions/key-version';
import { HEAD, keyAggregate, VERSION, versionName } from '../records/key-records';

export class GetKeyVersion {
  constructor(private readonly kmc: KmcContext) {}

  /** @throws CpnsError a field's reason; NOT_FOUND for what was never made, or was destroyed */
  async execute(request: GetKeyVersionRequest): Promise<KeyVersion> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const name = versionName(checkVersion(request.version, 'version'));
    const wanted = { head: at(HEAD), version: at(VERSION, name) };
    const { head, version } = await this.kmc.records.read(keyAggregate(groupId), wanted);
    // while a key is ending, some of its versions still have their material
    if (head?.state !== 'live') throw noSuchKey();
    if (version === undefined) throw noSuchVersion();
    return keyVersion(groupId, version);
  }
}
