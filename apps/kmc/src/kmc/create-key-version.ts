/** SECCF-KMC, GK-UPDATE-M step 3: the next version of a Group Key. */
import { type CreateKeyVersionRequest, type KeyVersion, fields } from '@cpns/contracts';
import { CpnsError, checkGroupId } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { checkVersion, keyVersion, noSuchKey } from './key-version';
import { MakeVersion } from './make-version';
import type { HeadRecord } from './records';

@Injectable()
export class CreateKeyVersion {
  constructor(private readonly make: MakeVersion) {}

  /**
   * @throws CpnsError a field's reason; NOT_FOUND for a group without a key, or whose key was destroyed, and when this
   *   request's version was destroyed; CONFLICT when `previous` is not the newest, or the request id was used before
   */
  async execute(request: CreateKeyVersionRequest): Promise<KeyVersion> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const previous = checkVersion(request.previous, 'previous');
    const requestId = fields.nonce(request.requestId, 'request_id');
    const checkMayFollow = (head: HeadRecord | undefined) => {
      if (head?.state !== 'live') throw noSuchKey();
      if (head.newest !== previous)
        throw new CpnsError('CONFLICT', `the newest version is another than ${previous}: another request was faster`);
    };
    return keyVersion(groupId, await this.make.execute({ groupId, previous, requestId }, checkMayFollow));
  }
}
