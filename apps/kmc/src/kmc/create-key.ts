/** SECCF-KMC, FLOW-PULL and FLOW-PUSH step 3: the Group Key of a new Service Group, in its version 1. */
import { type CreateKeyRequest, type KeyVersion, fields } from '@cpns/contracts';
import { CpnsError, checkGroupId } from '@cpns/core';
import { Injectable } from '@nestjs/common';
import { keyVersion } from './key-version';
import { MakeVersion } from './make-version';
import type { HeadRecord } from './records';

@Injectable()
export class CreateKey {
  constructor(private readonly make: MakeVersion) {}

  /**
   * @throws CpnsError a field's reason; ALREADY_EXISTS for a group-id that has, or had, a key from another request;
   *   CONFLICT for a request id that was used for something else; NOT_FOUND when this request's version was destroyed
   */
  async execute(request: CreateKeyRequest): Promise<KeyVersion> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const requestId = fields.nonce(request.requestId, 'request_id');
    return keyVersion(groupId, await this.make.execute({ groupId, previous: 0n, requestId }, checkUnused));
  }
}

function checkUnused(head: HeadRecord | undefined): void {
  if (head === undefined) return;
  const what = head.state === 'live' ? 'the group has a Group Key' : 'the group-id was used, and never will be again';
  throw new CpnsError('ALREADY_EXISTS', what);
}
