/** SECCF-KMC, GK-UPDATE-M step 3: the next version of a Group Key. */
import { type CreateKeyVersionRequest, type KeyVersion, fields } from '@cpns/contracts';
import { CpnsError, checkGroupId } from '@cpns/core';
import type { KmcContext } from '../context';
import { asStep, type Step } from '../flow-step';
import { checkVersion, keyVersion, noSuchKey } from '../key-versions/key-version';
import { MakeVersion } from '../key-versions/make-version';
import type { HeadRecord } from '../records/key-records';

const STEP: Step = { flows: ['GK-UPDATE-M'], carried: ['group_id', 'previous', 'request_id'] };

export class CreateKeyVersion {
  readonly #make: MakeVersion;

  constructor(private readonly kmc: KmcContext) {
    this.#make = new MakeVersion(kmc);
  }

  /**
   * @throws CpnsError a field's reason; NOT_FOUND for a group without a key, or whose key was destroyed, and when this
   *   request's version was destroyed; CONFLICT when `previous` is not the newest, or the request id was used before
   */
  async execute(request: CreateKeyVersionRequest, caller: string): Promise<KeyVersion> {
    const groupId = checkGroupId(request.groupId, 'group_id');
    const previous = checkVersion(request.previous, 'previous');
    const requestId = fields.nonce(request.requestId, 'request_id');
    const checkMayFollow = (head: HeadRecord | undefined) => {
      if (head?.state !== 'live') throw noSuchKey();
      if (head.newest !== previous)
        throw new CpnsError('CONFLICT', `the newest version is another than ${previous}: another request was faster`);
    };
    return asStep(this.kmc, STEP, caller, async () =>
      keyVersion(groupId, await this.#make.execute({ groupId, previous, requestId }, checkMayFollow)),
    );
  }
}
