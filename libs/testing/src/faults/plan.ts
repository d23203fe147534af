/**
 * What a process is told to do at its commits, and what it says of them: files in one directory, so that one fault after
 * the other can be planned for processes that run already.
 *
 * ```
 * plan.json            the one fault that is planned, replaced as a whole
 * kills/<id>.json      written by the process that dies of fault <id>, once
 * commits.ndjson       one line per commit, while it exists
 * ```
 */
import { isFlowId, type FlowId } from '@cpns/telemetry';
import { join } from 'node:path';

/** Before anything of the commit reaches the store, or when it is durable and nobody was told. */
export const FAULT_POINTS = ['before-commit', 'after-commit'] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** One commit as code makes it. Where no step was announced (`withinStep`), flow is empty and step 0. */
export interface Commit {
  /** As FAULTS_SERVICE calls the process. */
  readonly service: string;
  readonly flow: FlowId | '';
  readonly step: number;
  /** Kind of the aggregate. */
  readonly kind: string;
}

/** A commit among those of a flow that look alike. */
export interface CommitSite extends Commit {
  /** Counted from 1. */
  readonly occurrence: number;
}

/** A fault that happens once. */
export interface FaultPlan extends CommitSite {
  readonly id: string;
  readonly point: FaultPoint;
}

/** A process that died of its plan. */
export interface Kill extends FaultPlan {
  readonly pid: number;
}

/** Variables of a process that takes part. They are not settings of a service, whose names begin with CPNS_. */
export const FAULT_VARIABLES = { directory: 'FAULTS_DIRECTORY', service: 'FAULTS_SERVICE' } as const;

export const planFile = (directory: string): string => join(directory, 'plan.json');
export const killsDirectory = (directory: string): string => join(directory, 'kills');
export const killFile = (directory: string, id: string): string => join(killsDirectory(directory), `${id}.json`);
export const commitsFile = (directory: string): string => join(directory, 'commits.ndjson');

export const sameCommit = (a: Commit, b: Commit): boolean =>
  a.service === b.service && a.flow === b.flow && a.step === b.step && a.kind === b.kind;

function fields(text: string): Readonly<Record<string, unknown>> {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null) throw new TypeError('not an object');
  return parsed as Readonly<Record<string, unknown>>;
}

function commitOf({ service, flow, step, kind }: Readonly<Record<string, unknown>>): Commit {
  if (typeof service !== 'string' || typeof kind !== 'string' || !Number.isInteger(step))
    throw new TypeError('service, kind and step have to be there');
  if (typeof flow !== 'string' || (flow !== '' && !isFlowId(flow))) throw new TypeError('flow is none of the table');
  return { service, flow, step: Number(step), kind };
}

const isPoint = (value: unknown): value is FaultPoint => FAULT_POINTS.some((point) => point === value);

/** @throws TypeError, SyntaxError for anything that is not a plan: a fault that nobody meant must not happen */
export function parsePlan(text: string): FaultPlan {
  const all = fields(text);
  const { id, occurrence, point } = all;
  if (typeof id !== 'string' || !/^[a-z0-9-]{1,64}$/.test(id)) throw new TypeError('id is 1 to 64 of a-z, 0-9 and -');
  if (typeof occurrence !== 'number' || !Number.isInteger(occurrence) || occurrence < 1)
    throw new TypeError('occurrence counts from 1');
  if (!isPoint(point)) throw new TypeError(`point is one of ${FAULT_POINTS.join(', ')}`);
  return { ...commitOf(all), id, occurrence, point };
}

/** @throws TypeError, SyntaxError */
export function parseKill(text: string): Kill {
  const { pid } = fields(text);
  if (typeof pid !== 'number' || !Number.isInteger(pid)) throw new TypeError('pid has to be there');
  return { ...parsePlan(text), pid };
}

/** The commits of a recording, those that look alike numbered in their order. @throws TypeError, SyntaxError */
export function parseCommits(text: string): CommitSite[] {
  const sites: CommitSite[] = [];
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const commit = commitOf(fields(line));
    sites.push({ ...commit, occurrence: sites.filter((site) => sameCommit(site, commit)).length + 1 });
  }
  return sites;
}
