/** The Server's statements about Group Keys, as the gateway keeps them. */
import type { CheckedEnvelope } from '@cpns/contracts';
import { Clock, invalidArgument } from '@cpns/core';
import {
  acceptStatement,
  endsGroup,
  GRACE_MS,
  type Keyring,
  type SignedStatement,
  stateAmong,
  type Statement,
  StatementVerifier,
} from '@cpns/group-key';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { checkMemberHere, groupAggregate, type KnownStatement, STATEMENTS, VERSIONS_KEPT } from './known-groups';

export interface Arrival {
  /** Of the step that brought it, or empty. */
  readonly traceparent?: string;
  /** The version that was asked for by its number: it may be a lower one. */
  readonly asked?: bigint | undefined;
  /** See {@link Statements.isEmergency}; for what was pushed. */
  readonly isEmergency?: boolean;
}

/**
 * What the Server said of Group Keys. The gateway could pass on anything: members check each statement themselves. It
 * checks all the same before it keeps one, so that what it is sent wrongly stops here.
 */
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
    for (const { entity } of envelopes) checkMemberHere(this.own, entity);
  }

  /** True while nothing older opens beside it: one that was made as an emergency, or that comes late. */
  isEmergency(statement: Statement): boolean {
    return !endsGroup(statement) && statement.activateAt + GRACE_MS <= this.clock.now();
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
    { traceparent = '', asked, isEmergency = false }: Arrival = {},
  ): readonly KnownStatement[] | undefined {
    const { groupId, version } = signed.statement;
    const versions = known.map(({ statement }) => ({ statement }));
    const before: Keyring = { groupId, retiredThrough: 0n, versions };
    const now = this.clock.now();
    const { keyring } = acceptStatement(before, signed.statement, { now, asked });
    const same = known.find(({ statement }) => statement.version === version);
    const marks = (isEmergency || same?.isEmergency === true) && { isEmergency: true };
    if (!keyring.versions.some(({ statement }) => statement === signed.statement)) {
      if (traceparent === '' && (!isEmergency || same?.isEmergency === true)) return undefined;
      const renewed = { ...(traceparent !== '' && { traceparent }), ...marks };
      return known.map((one) => (one === same ? { ...one, ...renewed } : one));
    }
    const after = [...known.filter((one) => one !== same), { ...signed, traceparent, ...marks }].sort(byVersion);
    // of a deleted group nothing is left to be served but that it was
    if (endsGroup(signed.statement)) return after.slice(-1);
    const all = after.map(({ statement }) => statement);
    return after.filter(({ statement }) => stateAmong(statement, all, now) !== 'retired').slice(-VERSIONS_KEPT);
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
