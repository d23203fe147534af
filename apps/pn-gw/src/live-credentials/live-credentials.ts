/** Who may act as an entity at this gateway (protocol.md, "The live credential"). */
import { type AssignerEnd, checkAssignerEnd, checkEntityCredential, type EntityCredential } from '@cpns/contracts';
import { Clock, unavailable } from '@cpns/core';
import type { CallContext, CallerEntity } from '@cpns/grpc';
import { keyIdText } from '@cpns/key-derivation';
import { RecentRecords } from '@cpns/platform';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { callerHere, checkAddressee, OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';
import { SoleProcess } from '../peers/sole-process';
import {
  ASSIGNER_END,
  assignerAggregate,
  type Credential,
  NO_ROW,
  NO_TABLE,
  ROW_WANTED,
  rowAggregate,
  TABLE_AGGREGATE,
  TABLE_WANTED,
  type TableRecord,
} from './records';
import { credentialIn, judgeCredential, resynchronising, type ShownCredential, withCredential } from './row';
import { TableAge } from './table-age';

/** An entity whose credential is live. */
export interface LiveCaller extends CallerEntity {
  /** Of its S, in text, however it showed itself: what its envelopes are made under. */
  readonly keyId: string;
}

export const shownBy = ({ by }: CallerEntity): ShownCredential =>
  by.kind === 'proof' ? { keyId: keyIdText(by.keyId) } : { certificate: by.digest };

const END_WANTED = { end: at(ASSIGNER_END) };

/** What may have changed: one entity's credential, or any. */
type Listener = (entity: string | undefined) => void;

@Injectable()
export class LiveCredentials {
  readonly #listeners = new Set<Listener>();
  /** The generation of the snapshot that is coming. */
  #staging: bigint | undefined;

  constructor(
    private readonly own: OwnGateway,
    private readonly config: GatewayConfig,
    private readonly records: Records,
    private readonly recent: RecentRecords,
    private readonly sole: SoleProcess,
    private readonly age: TableAge,
    private readonly clock: Clock,
  ) {}

  /** Told after each change, and with undefined when every credential has to be looked at anew. */
  onChange(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /**
   * Checks 2 to 4.
   * @param entity E
   * @throws CpnsError RESYNCHRONISING; DEPENDENCY_UNAVAILABLE with `current_at_ms`; KEY_UNKNOWN; KEY_REVOKED, KEY_SUSPENDED,
   *   KEY_EXPIRED
   */
  async check(entity: string, shown: ShownCredential): Promise<Credential> {
    const table = await this.table();
    assertKnown(table);
    this.sole.assert();
    await this.checkAge();
    const { row = NO_ROW } = await this.recent.read(rowAggregate(entity), ROW_WANTED);
    const assigner = credentialIn(row, table.generation)?.assigner;
    const assignerEnd = assigner === undefined ? 0n : await this.assignerEnd(assigner);
    return judgeCredential(shown, { row, table, assignerEnd, now: this.clock.now() });
  }

  /**
   * The authenticated entity that calls. A proof was held against its row before it was verified, a certificate is here.
   * @throws CpnsError PROOF_MISSING, PN_MISMATCH; what {@link check} throws
   */
  async caller(call: CallContext): Promise<LiveCaller> {
    const caller = callerHere(this.own, call);
    const { by } = caller;
    if (by.kind === 'proof') return { ...caller, keyId: keyIdText(by.keyId) };
    const { keyId } = await this.check(caller.entity, { certificate: by.digest });
    return { ...caller, keyId };
  }

  /** Key-ids, in text, that ended or whose place another took, until their not-after. @param entity E */
  async endedKeys(entity: string): Promise<ReadonlySet<string>> {
    const { row } = await this.recent.read(rowAggregate(entity), ROW_WANTED);
    return new Set(row?.ended.map(({ keyId }) => keyId));
  }

  /** From which on what snapshots name counts. */
  async generation(): Promise<bigint> {
    return (await this.table()).generation;
  }

  /** Of what the Server says now: that of the snapshot under way, else the one that counts. */
  async newestGeneration(): Promise<bigint> {
    return this.#staging ?? (await this.generation());
  }

  /** All that assignment needs, which goes on with an old table; without it the gateway is not well. @throws CpnsError RESYNCHRONISING */
  async assertCertain(): Promise<void> {
    if (await this.isDoubtful()) throw resynchronising();
    this.sole.assert();
  }

  /** Whether a doubtful snapshot began, and no snapshot has ended since. */
  async isDoubtful(): Promise<boolean> {
    return (await this.table()).doubtful;
  }

  /** @throws CpnsError a field's reason; PN_MISMATCH */
  async apply(message: EntityCredential): Promise<void> {
    const { name, ...credential } = checkEntityCredential(message);
    checkAddressee(this.own.name, name);
    const { generation } = await this.table();
    const generations = this.#staging === undefined ? [generation] : [generation, this.#staging];
    const now = this.clock.now();
    const isChanged = await this.records.transact(rowAggregate(name.uri), ROW_WANTED, ({ row = NO_ROW }) => {
      const next = withCredential(row, credential, generations, now);
      return next === undefined ? { result: false } : { result: true, put: { row: next } };
    });
    if (isChanged) this.tell(name.uri);
  }

  /** @throws CpnsError a field's reason; PN_MISMATCH */
  async applyAssignerEnd(message: AssignerEnd): Promise<void> {
    const { gateway, life } = checkAssignerEnd(message);
    checkAddressee(this.own.name, gateway);
    await this.records.transact(assignerAggregate(gateway.uri), END_WANTED, ({ end }) =>
      end !== undefined && end.life >= life ? { result: undefined } : { result: undefined, put: { end: { life } } },
    );
    this.tell(undefined);
  }

  /**
   * A snapshot begins. What came of one that was cut off never counts: its generation is not given again.
   * @param doubtful whether nothing that is known counts until its end
   */
  async beginSnapshot(doubtful: boolean): Promise<void> {
    this.#staging = await this.records.transact(TABLE_AGGREGATE, TABLE_WANTED, ({ table = NO_TABLE }) => {
      const newest = table.newest + 1n;
      return { result: newest, put: { table: { ...table, newest, doubtful: table.doubtful || doubtful } } };
    });
    if (doubtful) this.tell(undefined);
  }

  /** Everything of the snapshot is committed: from here on its rows count, and no others. */
  async endSnapshot(): Promise<void> {
    await this.records.transact(TABLE_AGGREGATE, TABLE_WANTED, ({ table = NO_TABLE }) => ({
      result: undefined,
      put: { table: { ...table, generation: table.newest, doubtful: false } },
    }));
    this.#staging = undefined;
    this.tell(undefined);
  }

  private async table(): Promise<TableRecord> {
    return (await this.recent.read(TABLE_AGGREGATE, TABLE_WANTED)).table ?? NO_TABLE;
  }

  private async checkAge(): Promise<void> {
    if ((await this.age.age()) <= this.config.revocationMaxAge) return;
    const metadata = { current_at_ms: String(await this.age.currentAt()) };
    const message = 'the gateway has not heard from the CPNS Server for too long to know which keys are in force';
    throw unavailable('DEPENDENCY_UNAVAILABLE', message, { metadata });
  }

  private async assignerEnd(assigner: string): Promise<bigint> {
    return (await this.recent.read(assignerAggregate(assigner), END_WANTED)).end?.life ?? 0n;
  }

  private tell(entity: string | undefined): void {
    for (const listener of this.#listeners) listener(entity);
  }
}

/** A gateway that never had a whole snapshot knows no entity. @throws CpnsError RESYNCHRONISING */
function assertKnown({ generation, doubtful }: TableRecord): void {
  if (generation === 0n || doubtful) throw resynchronising();
}
