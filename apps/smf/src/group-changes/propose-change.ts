/**
 * How a call changes a group. It proposes: what is to be done is written down beside the group, with an entry in its outbox
 * in the same commit. From there on the change is carried through, whatever becomes of the call; the call waits for it.
 */
import { Clock, CpnsError, duration, KeyedMutex, Random, unavailable } from '@cpns/core';
import { outboxEntry } from '@cpns/delivery';
import { at, Records } from '@cpns/store';
import { currentTraceparent, lastStep, withinStep } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Waiting } from '../common/waiting';
import { CskmfClient } from './cskmf-client';
import { GroupOutbox } from './group-outbox';
import { Groups } from './groups';
import { GROUP, groupAggregate, PENDING, REFUSAL, refusalName } from './records';
import { Settlements } from './settlements';
import type { Proposal, Wish } from './wish';

const NOTHING = Buffer.alloc(0);
/** A call without an earlier deadline waits for so long, milliseconds. */
const LONGEST_WAIT = duration(30, 'second');
/** What is left of the caller's deadline for the way back, milliseconds. */
const MARGIN_MS = 200;
const CHANGE_ID_BYTES = 16;

/** What came of looking at the group. */
type Step =
  /** Nothing is to be done, or it was done at once. */
  | { readonly kind: 'settled' }
  /** The change that this call asked for is under way; an identical call may have proposed it. */
  | { readonly kind: 'proposed'; readonly changeId: string; readonly revision: bigint }
  /** Another change comes first. */
  | { readonly kind: 'blocked' };

/** What the change came to. */
export interface Done {
  /** Of the membership that holds it; undefined where nothing had to be changed. */
  readonly revision: bigint | undefined;
}

/** How long a call waits for a change that is tried again and again. */
export abstract class Patience {
  abstract readonly milliseconds: number;
}
/** A change that failed is tried twice more within it. */
export const PATIENCE: Patience = { milliseconds: duration(5, 'second') };

@Injectable()
export class ProposeChange {
  /** By group-id: calls that retried all at once would lose to most of the others. */
  readonly #mutex = new KeyedMutex();

  constructor(
    private readonly records: Records,
    private readonly groups: Groups,
    private readonly cskmf: CskmfClient,
    private readonly outbox: GroupOutbox,
    private readonly settlements: Settlements,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly patience: Patience,
  ) {}

  /**
   * Resolves when the group is as wished.
   * @throws CpnsError what the rules or CSKMF refuse it with; DEPENDENCY_UNAVAILABLE before the call's deadline
   */
  async execute(wish: Wish, call: Waiting): Promise<Done> {
    const first = await this.#propose(wish, call);
    const step = first.kind === 'blocked' ? await this.#proposeInOrder(wish, call) : first;
    if (step.kind === 'settled') return { revision: undefined };
    do await this.#wait(wish.groupId, call, PROPOSED);
    while (!(await this.#isDone(wish.groupId, step.changeId)));
    return { revision: step.revision };
  }

  /** After the changes that come first. */
  async #proposeInOrder(wish: Wish, call: Waiting): Promise<Exclude<Step, { kind: 'blocked' }>> {
    const { acquired, release } = this.#mutex.acquire(wish.groupId);
    try {
      await this.#inTime(acquired, call, BLOCKED);
      for (;;) {
        const step = await this.#propose(wish, call);
        if (step.kind !== 'blocked') return step;
        await this.#wait(wish.groupId, call, BLOCKED);
      }
    } finally {
      release();
    }
  }

  #propose(wish: Wish, call: Waiting): Promise<Step> {
    return withinStep({ flow: wish.flow, step: 1 }, () => this.#decide(wish, call));
  }

  #decide(wish: Wish, call: Waiting): Promise<Step> {
    let answers: Promise<void> | undefined;
    return this.records.transact(
      groupAggregate(wish.groupId),
      { group: at(GROUP), pending: at(PENDING) },
      async ({ group, pending }) => {
        if (pending !== undefined) return { result: stepBehind(pending, wish) };
        const verdict = await wish.work(group);
        if (verdict.kind === 'settled') {
          const result: Step = { kind: 'settled' };
          if (group === undefined || verdict.moves.length === 0) return { result };
          // put as it is: a call that looked at those standings meanwhile has to look again
          return { result, put: { group }, ...(await this.groups.setChanges(wish.groupId, verdict.moves)) };
        }
        await (answers ??= this.cskmf.checkAnswers(wish.groupId, call));
        const proposed = this.#pending(wish, verdict.proposal);
        const { changeId, revision } = proposed;
        return {
          result: { kind: 'proposed', changeId, revision },
          put: { group: verdict.proposal.group, pending: proposed },
          append: [outboxEntry(`change.${changeId}`, NOTHING)],
        };
      },
    );
  }

  #pending(wish: Wish, { flow, revision, size, moves }: Proposal) {
    const changeId = this.random.bytes(CHANGE_ID_BYTES).toString('hex');
    const traceparent = lastStep() || currentTraceparent();
    return { changeId, wish: wish.digest, flow, revision, size, moves, traceparent };
  }

  /** Until a change of the group came to its end. @throws CpnsError DEPENDENCY_UNAVAILABLE, CALL_CANCELLED */
  async #wait(groupId: string, call: Waiting, why: string): Promise<void> {
    const aggregate = groupAggregate(groupId);
    const { settled, cancel } = this.settlements.next(groupId);
    const drained = this.outbox.drain(aggregate).catch(async (error: unknown) => {
      // the relay goes on also when the call ends; a short outage is none for the caller
      this.outbox.wake(aggregate);
      await sleep(this.patience.milliseconds, undefined, { ref: false });
      throw error;
    });
    try {
      await this.#inTime(Promise.race([settled, drained]), call, why);
    } finally {
      cancel();
    }
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
  async #isDone(groupId: string, changeId: string): Promise<boolean> {
    const wanted = { pending: at(PENDING), refusal: at(REFUSAL, refusalName(changeId)) };
    const { pending, refusal } = await this.records.read(groupAggregate(groupId), wanted);
    if (refusal !== undefined) throw new CpnsError(refusal.reason, refusal.message, { metadata: refusal.metadata });
    return pending?.changeId !== changeId;
  }
}

const PROPOSED =
  'the change cannot be made at the moment; it is written down and will be, and a call like this one waits for it';
const BLOCKED = 'another change of the Service Group cannot be made at the moment; nothing was changed, try again';

const stepBehind = (pending: { wish: string; changeId: string; revision: bigint }, wish: Wish): Step =>
  pending.wish === wish.digest
    ? { kind: 'proposed', changeId: pending.changeId, revision: pending.revision }
    : { kind: 'blocked' };

async function beforeDeadline(promise: Promise<void>, call: Waiting, clock: Clock): Promise<void> {
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
