/**
 * How a call changes a group. It proposes: what is to be done is written down beside the group, with an entry in its outbox
 * in the same commit. From there on the change is executed, also when the call ends; the call waits for it.
 */
import { Clock, CpnsError, duration, failedPrecondition, KeyedMutex, Random, unavailable } from '@cpns/core';
import { outboxEntry } from '@cpns/delivery';
import type { CallContext } from '@cpns/grpc';
import { PROOF_NONCE_LIFE_MS, sha256 } from '@cpns/key-derivation';
import { at, type Decision, defineRecord, expiring, type Found, jsonField, Records } from '@cpns/store';
import { currentTraceparent, lastStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { CskmfClient } from './cskmf-client';
import { GroupOutbox } from './execute-change';
import { type ChangeRequest, GROUP, groupAggregate, PENDING, REFUSAL, refusalName, withinChangeStep } from './groups';
import { Groups } from './read-groups';
import { nodesIn, StandingsTree, type WantedNodes } from './standings-tree';

/** What a use case needs to know of the call that waits for it. */
export type Waiting = Pick<CallContext, 'deadline' | 'receivedAt' | 'signal'>;

/** The last accepted request of one entity for the group: none that it made before follows. Ends by itself. */
export const LAST_REQUEST = defineRecord('requested', {
  /** The entity's time in its proof, Unix milliseconds. */
  timeMs: jsonField<number>(),
});

/** An entity's name may be longer than that of a record. */
const lastRequestName = (entity: string): string => `requested.${sha256(Buffer.from(entity)).toString('hex')}`;

/** A change that an operator asks for, or that its one entity does at a time of its own, Unix milliseconds. */
type AskedChange = ChangeRequest & { readonly askedAt?: number };

const NOTHING = Buffer.alloc(0);
/** The longest wait of a call without an earlier deadline, milliseconds. */
const LONGEST_WAIT = duration(30, 'second');
/** Of the caller's deadline, kept for the way back; milliseconds. */
const MARGIN_MS = 200;
const CHANGE_ID_BYTES = 16;

/** What was decided on a group as it stands. */
type Step =
  /** Nothing is to be done, or it was done at once. */
  | { readonly kind: 'settled' }
  /** The change that this call asked for is under way; an identical call may have proposed it. */
  | { readonly kind: 'proposed'; readonly changeId: string; readonly revision: bigint }
  /** Another change comes first. */
  | { readonly kind: 'blocked'; readonly changeId: string };

/** What the change came to. */
export interface Done {
  /** Of the membership that holds it; undefined where nothing had to be changed. */
  readonly revision: bigint | undefined;
}

const wantedOf = (nodes: WantedNodes, { entities }: ChangeRequest) => ({
  ...nodes,
  group: at(GROUP),
  pending: at(PENDING),
  last: at(LAST_REQUEST, lastRequestName(entities[0]?.uri ?? '')),
});
type Wanted = ReturnType<typeof wantedOf>;

@Injectable()
export class ProposeChange {
  /** By group-id: calls of this process that are blocked propose in the order in which they came. */
  readonly #mutex = new KeyedMutex();

  constructor(
    private readonly records: Records,
    private readonly groups: Groups,
    private readonly cskmf: CskmfClient,
    private readonly outbox: GroupOutbox,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * Resolves when the group is as requested.
   * @throws CpnsError REQUEST_OVERTAKEN; what the rules or CSKMF refuse it with; DEPENDENCY_UNAVAILABLE before the call's
   *   deadline
   */
  async execute(request: AskedChange, call: Waiting): Promise<Done> {
    const first = await this.#propose(request, call);
    const step = first.kind === 'blocked' ? await this.#proposeInOrder(request, call, first.changeId) : first;
    if (step.kind === 'settled') return { revision: undefined };
    await this.#executed(request.groupId, step.changeId, call, PROPOSED);
    await this.#requireConsent(request.groupId, step.changeId);
    return { revision: step.revision };
  }

  /** After the changes that come first. */
  async #proposeInOrder(request: AskedChange, call: Waiting, first: string) {
    const { acquired, release } = this.#mutex.acquire(request.groupId);
    try {
      await this.#inTime(acquired, call, BLOCKED);
      for (let changeId = first; ;) {
        await this.#executed(request.groupId, changeId, call, BLOCKED);
        const step = await this.#propose(request, call);
        if (step.kind !== 'blocked') return step;
        changeId = step.changeId;
      }
    } finally {
      release();
    }
  }

  #propose(request: AskedChange, call: Waiting): Promise<Step> {
    return withinChangeStep(request.flow, 1, async () => {
      const aggregate = groupAggregate(request.groupId);
      const reserved = {
        changeId: this.random.bytes(CHANGE_ID_BYTES).toString('hex'),
        traceparent: lastStep() || currentTraceparent(),
        now: this.clock.now(),
      };
      const entities = request.entities.map(({ uri }) => uri);
      return this.groups.withStandings(request.groupId, entities, async (nodes) => {
        const wanted = wantedOf(nodes, request);
        const decide = (found: Found<Wanted>) => decideOn(request, reserved, nodes, found);
        const seen = await this.records.snapshot(aggregate, wanted);
        // nothing that may wait is proposed while CSKMF is not there to grant it
        if (request.evenWithoutCskmf !== true && decide(seen.found).put?.pending)
          await this.cskmf.assertReachable(call.deadline);
        return this.records.transact(aggregate, wanted, decide, seen);
      });
    });
  }

  /** Until a change of the group was executed. @throws CpnsError DEPENDENCY_UNAVAILABLE, CALL_CANCELLED */
  #executed(groupId: string, changeId: string, call: Waiting, why: string): Promise<void> {
    return this.#inTime(this.outbox.executed(groupId, changeId), call, why);
  }

  async #inTime(promise: Promise<void>, call: Waiting, why: string): Promise<void> {
    try {
      await beforeDeadline(promise, call, this.clock);
    } catch (cause) {
      if (cause instanceof CpnsError && cause.code === 'CANCELLED') throw cause;
      throw unavailable('DEPENDENCY_UNAVAILABLE', why, { metadata: { dependency: this.cskmf.uri }, cause });
    }
  }

  /** @throws CpnsError what CSKMF refused the change with */
  async #requireConsent(groupId: string, changeId: string): Promise<void> {
    const wanted = { refusal: at(REFUSAL, refusalName(changeId)) };
    const { refusal } = await this.records.read(groupAggregate(groupId), wanted);
    if (refusal !== undefined) throw new CpnsError(refusal.reason, refusal.message, { metadata: refusal.metadata });
  }
}

const PROPOSED =
  'the change cannot be made at the moment; it is written down and will be, and a call like this one waits for it';
const BLOCKED = 'another change of the Service Group cannot be made at the moment; nothing was changed, try again';

interface Reserved {
  readonly changeId: string;
  readonly traceparent: string;
  /** Unix milliseconds. */
  readonly now: number;
}

function decideOn(
  request: AskedChange,
  { now, ...reserved }: Reserved,
  nodes: WantedNodes,
  found: Found<Wanted>,
): Decision<Wanted, Step> {
  const { group, pending } = found;
  const accepted = acceptedRequest(request, found, now);
  if (pending !== undefined) {
    const { changeId, revision } = pending;
    if (pending.wish !== request.digest) return { result: { kind: 'blocked', changeId } };
    return { result: { kind: 'proposed', changeId, revision }, put: accepted };
  }
  const tree = new StandingsTree(group?.standings ?? 0, nodesIn(nodes, found));
  const plan = request.plan(group, (entity) => tree.standingOf(entity));
  if (plan.kind === 'settled') {
    const result: Step = { kind: 'settled' };
    if (group === undefined || plan.moves.length === 0) return { result, put: accepted };
    const { standings, puts } = tree.puts(plan.moves);
    return { result, put: { ...puts, group: { ...group, standings }, ...accepted } };
  }
  const { group: until, ...proposed } = plan.proposal;
  const { revision } = proposed;
  const { changeId } = reserved;
  return {
    result: { kind: 'proposed', changeId, revision },
    put: {
      group: until,
      pending: { ...reserved, ...proposed, wish: request.digest, keyVersion: until.keyVersion },
      ...accepted,
    },
    append: [outboxEntry(`change.${changeId}`, NOTHING)],
  };
}

/** @throws CpnsError REQUEST_OVERTAKEN for one that the entity made before the last one that was accepted */
function acceptedRequest({ askedAt }: AskedChange, { last }: Found<Wanted>, now: number) {
  if (askedAt === undefined) return {};
  if (last !== undefined && askedAt <= last.timeMs)
    throw failedPrecondition('REQUEST_OVERTAKEN', 'a later request of the entity for this Service Group was accepted');
  return { last: expiring({ timeMs: askedAt }, now + PROOF_NONCE_LIFE_MS) };
}

/**
 * Resolves or rejects as a promise does, in time for the call's answer.
 * @throws CpnsError CALL_CANCELLED; DOMException TimeoutError when it is time to answer
 */
export async function beforeDeadline(promise: Promise<void>, call: Waiting, clock: Clock): Promise<void> {
  const until = Math.min(call.deadline - MARGIN_MS, call.receivedAt + LONGEST_WAIT);
  // not in AbortSignal.any, where Node 20 may collect a timeout before it fires
  const late = AbortSignal.timeout(Math.max(0, until - clock.now()));
  const ended = new AbortController();
  try {
    await Promise.race([promise, whenAborted(call.signal, ended.signal), whenAborted(late, ended.signal)]);
  } finally {
    ended.abort();
  }
}

/** Rejects with the signal's reason; `until` takes the listener away. */
const whenAborted = (signal: AbortSignal, until: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true, signal: until });
  });
