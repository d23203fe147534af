/** What a PN GW keeps of the Service Groups that have members behind it: the SMF's notices, the CSKMF's statements. */
import type { CheckedEnvelope } from '@cpns/contracts';
import {
  Clock,
  forEach,
  inChunks,
  invalidArgument,
  KeyedMutex,
  permissionDenied,
  samePn,
  type EntityName,
} from '@cpns/core';
import { outboxEntry } from '@cpns/delivery';
import {
  acceptStatement,
  endsGroup,
  type Keyring,
  type SignedStatement,
  type Statement,
  StatementVerifier,
} from '@cpns/group-key';
import { type Aggregate, allMembers, at, defineRecord, jsonField, Records, Store, type ValueIn } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';

/** A gateway hears of members of its own PN only. @throws CpnsError PN_MISMATCH */
export function checkMemberHere({ name: own }: OwnGateway, entity: EntityName): void {
  if (!samePn(entity, own)) throw permissionDenied('PN_MISMATCH', `this gateway serves ${own.pn} only`);
}

export const GROUP_KIND = 'group';

export const groupAggregate = (groupId: string): Aggregate => ({ kind: GROUP_KIND, id: groupId });

/** E of each member of the gateway's own PN; of a deleted group, of those that it had at its end. */
export const MEMBERS_SET = 'members';

/** The newest notice of the SMF; who the members are is in {@link MEMBERS_SET}. */
export const NOTICE = defineRecord('notice', {
  groupId: jsonField<string>(),
  delivery: jsonField<'pull' | 'push'>(),
  /** How long members seal with one statement, milliseconds. */
  sealPeriod: jsonField<number>(),
  membershipRevision: jsonField<bigint>(),
  /** `host:port` of the CSKMF that has the Group Key. */
  keyLocation: jsonField<string>(),
  /** The newest version. */
  keyVersion: jsonField<bigint>(),
  deleted: jsonField<boolean>(),
  /** Step 7 of the last versions that were noticed, oldest first, for what follows from it. */
  noticed: jsonField<readonly { readonly version: bigint; readonly traceparent: string }[]>(),
});
export type NoticeRecord = ValueIn<typeof NOTICE>;

/** What the Server said of one version; members get it unchanged. */
export interface KnownStatement extends SignedStatement {
  /** Of the step that brought it, or empty. */
  readonly traceparent: string;
}

/** The last statements, rising; of a deleted group the one that says so comes last, for good. */
export const STATEMENTS = defineRecord('statements', { known: jsonField<readonly KnownStatement[]>() });

/** As many versions of a group's key as are kept here; the Server has the others. */
export const VERSIONS_KEPT = 3;

/** A push of this version was let go before its notice came. */
export const MISSED_PUSH = defineRecord('missed-push', { version: jsonField<bigint>() });

/** @param entity E */
export const memberAggregate = (entity: string): Aggregate => ({ kind: 'member', id: entity });

/** Groups that the entity is a member of, or was until they were deleted. */
export const GROUPS_SET = 'groups';

/** Changes of a group's members in one commit. */
const CHUNK = 1_000;

/** What the gateway knows of one group, as of one moment. */
export interface KnownGroup {
  readonly groupId: string;
  /** Undefined before the SMF's first one. */
  readonly notice: NoticeRecord | undefined;
  /** Rising. */
  readonly statements: readonly KnownStatement[];
}

@Injectable()
export class KnownGroups {
  /** By group-id: notices and pushes of a group come over two channels at once, and each decides on its state. */
  readonly mutex = new KeyedMutex();

  constructor(
    private readonly records: Records,
    private readonly store: Store,
  ) {}

  async read(groupId: string): Promise<KnownGroup> {
    const found = await this.records.read(groupAggregate(groupId), { notice: at(NOTICE), statements: at(STATEMENTS) });
    return { groupId, notice: found.notice, statements: found.statements?.known ?? [] };
  }

  isMemberHere(groupId: string, entity: string): Promise<boolean> {
    return this.store.isMember(groupAggregate(groupId), MEMBERS_SET, entity);
  }

  /** E of each member here; of a deleted group, of those that it had at its end. */
  members(groupId: string): Promise<string[]> {
    return allMembers(this.store, groupAggregate(groupId), MEMBERS_SET);
  }

  /** Groups that the entity is a member of, or was until they were deleted. */
  groupsOf(entity: string): Promise<string[]> {
    return allMembers(this.store, memberAggregate(entity), GROUPS_SET);
  }

  /**
   * Makes these the members. Each part is the same when done twice, and the group's own list changes last: what a crash
   * leaves undone is found again.
   * @param forget done first for each E that left
   */
  async setMembers(
    groupId: string,
    members: readonly string[],
    forget: (entity: string) => Promise<void>,
  ): Promise<void> {
    const { store } = this;
    const wanted = new Set(members);
    const before = await this.members(groupId);
    const left = before.filter((member) => !wanted.has(member));
    const known = new Set(before);
    const joined = [...wanted].filter((member) => !known.has(member));
    const group = [{ set: GROUPS_SET, member: groupId }];
    await forEach(left, async (entity) => {
      await forget(entity);
      await store.commit(memberAggregate(entity), { removeFrom: group });
    });
    await forEach(joined, (entity) => store.commit(memberAggregate(entity), { addTo: group }));
    const change = (member: string) => ({ set: MEMBERS_SET, member });
    for (const some of inChunks(left, CHUNK))
      await store.commit(groupAggregate(groupId), { removeFrom: some.map(change) });
    for (const some of inChunks(joined, CHUNK))
      await store.commit(groupAggregate(groupId), { addTo: some.map(change) });
  }
}

/** The Server's statement that the group was deleted. */
export function endOf({ statements }: KnownGroup): KnownStatement | undefined {
  const last = statements.at(-1);
  return last !== undefined && endsGroup(last.statement) ? last : undefined;
}

export const isDeleted = (group: KnownGroup): boolean => group.notice?.deleted === true || endOf(group) !== undefined;

export const statementOf = ({ statements }: KnownGroup, version: bigint): KnownStatement | undefined =>
  statements.find(({ statement }) => statement.version === version);

/** Step 7 of the very version that a statement is about, or of the group's end: what comes of it is linked to that. */
export function noticedStep(notice: NoticeRecord | undefined, statement: Statement): string {
  const step = endsGroup(statement)
    ? notice?.deleted === true && notice.noticed.at(-1)
    : notice?.noticed.findLast(({ version }) => version === statement.version);
  return step ? step.traceparent : '';
}

/** As many past notices as a push that comes late can still be linked to. */
const NOTICED_KEPT = 4;

export interface Notice extends Omit<NoticeRecord, 'noticed'> {
  /** E of each member here; none when the group was deleted. */
  readonly members: readonly string[];
}

/** The newest notice of each group, and what it leads to. */
@Injectable()
export class Notices {
  constructor(private readonly records: Records) {}

  /** The notice, and in the same commit the request that it leads to. */
  async keep({ members, ...notice }: Notice, traceparent: string): Promise<void> {
    const wanted = { before: at(NOTICE), statements: at(STATEMENTS), missed: at(MISSED_PUSH) };
    const aggregate = groupAggregate(notice.groupId);
    await this.records.transact(aggregate, wanted, ({ before, statements, missed }) => {
      const keyVersion = highest(before?.keyVersion, notice.keyVersion);
      const noticed = [...(before?.noticed ?? []), { version: notice.keyVersion, traceparent }].slice(-NOTICED_KEPT);
      const wasMissed = missed !== undefined && missed.version <= keyVersion;
      const isNew = before === undefined || statements === undefined;
      const asks = !notice.deleted && members.length > 0 && (wasMissed || (notice.delivery === 'pull' && isNew));
      return {
        result: undefined,
        put: { before: { ...notice, keyVersion, noticed }, ...(wasMissed && { missed: null }) },
        ...(asks && { append: [outboxEntry(`request.${notice.membershipRevision}`, Buffer.from(traceparent))] }),
      };
    });
  }

  /** Notes the step by which the newest notice came, once it was reported: what follows is linked to it. */
  async cameBy(groupId: string, traceparent: string): Promise<void> {
    if (traceparent === '') return;
    await this.records.transact(groupAggregate(groupId), { found: at(NOTICE) }, ({ found }) => {
      const last = found?.noticed.at(-1);
      if (found === undefined || last === undefined) return { result: undefined };
      const noticed = [...found.noticed.slice(0, -1), { ...last, traceparent }];
      return { result: undefined, put: { found: { ...found, noticed } } };
    });
  }

  /** Notes that a push was let go before its notice came: when that comes, the key is asked for instead. */
  async missPush(groupId: string, version: bigint): Promise<void> {
    await this.records.transact(groupAggregate(groupId), { missed: at(MISSED_PUSH) }, ({ missed }) =>
      missed !== undefined && missed.version >= version
        ? { result: undefined }
        : { result: undefined, put: { missed: { version } } },
    );
  }
}

const highest = (a: bigint | undefined, b: bigint): bigint => (a !== undefined && a > b ? a : b);

export interface Arrival {
  /** Of the step that brought it, or empty. */
  readonly traceparent?: string;
  /** The version that was asked for by its number: it may be a lower one. */
  readonly asked?: bigint | undefined;
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
