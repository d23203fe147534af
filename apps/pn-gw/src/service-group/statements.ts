/**
 * What the Server said of Group Keys. The gateway could pass on anything: members check each statement themselves. It
 * checks all the same before it keeps one, so that what it is sent wrongly stops here.
 */
import { Clock, invalidArgument, permissionDenied, samePn } from '@cpns/core';
import { acceptStatement, endsGroup, StatementVerifier, type Keyring, type SignedStatement } from '@cpns/group-key';
import type { CheckedEnvelope } from '@cpns/contracts';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { groupAggregate, STATEMENTS, VERSIONS_KEPT, type KnownStatement } from './records';

export interface Arrival {
  /** Of the step that brought it, or empty. */
  readonly traceparent?: string;
  /** The version that was asked for by its number: it may be a lower one. */
  readonly asked?: bigint | undefined;
}

@Injectable()
export class Statements {
  readonly #verifier: StatementVerifier;

  constructor(
    private readonly records: Records,
    private readonly clock: Clock,
    private readonly own: OwnGateway,
  ) {
    const { root, name } = own;
    this.#verifier = new StatementVerifier({ root, trustDomain: name.trustDomain, clock });
  }

  /**
   * Signature and signer, and that the envelopes beside it are for this PN.
   * @throws CpnsError those of {@link StatementVerifier.verify}; PN_MISMATCH
   */
  check({ statement, signature, chain }: SignedStatement, envelopes: readonly CheckedEnvelope[] = []): void {
    this.#verifier.verify(statement, signature, chain);
    if (!envelopes.every(({ entity }) => samePn(entity, this.own.name)))
      throw permissionDenied('PN_MISMATCH', `this gateway serves ${this.own.name.pn} only`);
  }

  /**
   * Never goes back: see {@link acceptStatement}. Of an equal version the later seal-until stays.
   * @throws CpnsError GROUP_DELETED, STATEMENT_LOWER, STATEMENT_CONFLICT, VERSION_RETIRED
   */
  async keep(signed: SignedStatement, arrival: Arrival = {}): Promise<void> {
    const { groupId } = signed.statement;
    await this.records.transact(groupAggregate(groupId), { found: at(STATEMENTS) }, ({ found }) => {
      const known = this.with(found?.known ?? [], signed, arrival);
      return known === undefined ? { result: undefined } : { result: undefined, put: { found: { known } } };
    });
  }

  /** What is known once a statement came in; undefined where it says nothing new. */
  with(
    known: readonly KnownStatement[],
    signed: SignedStatement,
    { traceparent = '', asked }: Arrival = {},
  ): readonly KnownStatement[] | undefined {
    const { groupId, version } = signed.statement;
    const versions = known.map(({ statement }) => ({ statement }));
    const before: Keyring = { groupId, retiredThrough: 0n, versions };
    const now = this.clock.now();
    const { keyring } = acceptStatement(before, signed.statement, { now, asked });
    const stays = (one: KnownStatement) => keyring.versions.some(({ statement }) => statement === one.statement);
    if (!keyring.versions.some(({ statement }) => statement === signed.statement)) {
      if (traceparent === '') return undefined;
      return known.map((one) => (one.statement.version === version ? { ...one, traceparent } : one));
    }
    const after = [...known.filter(stays), { ...signed, traceparent }].sort(byVersion);
    // of a deleted group nothing is left to be served but that it was
    return endsGroup(signed.statement) ? after.slice(-1) : after.slice(-VERSIONS_KEPT);
  }
}

const byVersion = (a: KnownStatement, b: KnownStatement): number =>
  a.statement.version < b.statement.version ? -1 : 1;

/** An answer is about the group that was asked about. @throws CpnsError FIELD_OUT_OF_RANGE */
export function checkAnswersFor(groupId: string, { statement }: SignedStatement): void {
  if (statement.groupId !== groupId)
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'the answer is about another group', {
      metadata: { field: 'group_id' },
    });
}
