/**
 * What a process is told to do at its commits, and what it says of them: files in one directory, so that one fault after
 * the other can be planned for processes that run already.
 *
 * ```
 * plan.json         the one fault that is planned, or null; replaced as a whole
 * kill-<id>.json    written by the process that dies of fault <id>, once
 * commits.ndjson    one line per commit, while it exists
 * ```
 */
import type { FlowId } from '@cpns/telemetry';
import { join } from 'node:path';

/** Before anything of the commit reaches the store, or when it is durable and its caller was not told. */
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
export const killFile = (directory: string, id: string): string => join(directory, `kill-${id}.json`);
export const commitsFile = (directory: string): string => join(directory, 'commits.ndjson');

export const sameCommit = (a: Commit, b: Commit): boolean =>
  a.service === b.service && a.flow === b.flow && a.step === b.step && a.kind === b.kind;
