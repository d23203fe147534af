/** GK-PULL, GK-PUSH: what the Server says of a version, signed with the key of its certificate. */
import { type GroupKeyStatement, statementMessage } from '@cpns/contracts';
import { endStatement, NO_SHARED_DIGEST, signStatement, type Statement } from '@cpns/group-key';
import { ServiceIdentity } from '@cpns/platform';
import { Injectable } from '@nestjs/common';
import type { GroupKeyVersion } from './records';

@Injectable()
export class SignedStatements {
  /**
   * By the version as it was read, which stays the same object while its record does not change (RecentRecords): a
   * signature costs as much as all the rest of a pull.
   */
  readonly #signed = new WeakMap<GroupKeyVersion, GroupKeyStatement>();

  constructor(private readonly own: ServiceIdentity) {}

  /** Of a version without a key tree. @param groupId the group that the version is one of */
  of(groupId: string, version: GroupKeyVersion): GroupKeyStatement {
    const known = this.#signed.get(version);
    if (known !== undefined) return known;
    const signed = this.#sign({
      groupId,
      ...version,
      treeEpoch: 0n,
      treeRevision: 0n,
      sharedDigest: NO_SHARED_DIGEST,
    });
    this.#signed.set(version, signed);
    return signed;
  }

  /** The last one about a group. @param deletedAt Unix milliseconds */
  ofTheEnd(groupId: string, newest: bigint, deletedAt: number): GroupKeyStatement {
    return this.#sign(endStatement(groupId, newest, deletedAt));
  }

  #sign(statement: Statement): GroupKeyStatement {
    const { key, chain } = this.own;
    return statementMessage({ statement, signature: signStatement(key, statement), chain });
  }
}
