import { dersToPem } from '@cpns/certificate-issuance';
import type { DeviceStatus, GroupStatus } from '@cpns/pne-sdk';
import { renameSync, writeFileSync } from 'node:fs';

/** The result of a run, for the program that started it. It holds no secret. */
export interface Result {
  readonly stage: string;
  readonly entity: string;
  readonly user: string;
  readonly form: string | null;
  readonly assigner: string | null;
  /** 32 hexadecimal digits, once the key is live. */
  readonly keyId: string | null;
  /** Unix milliseconds. */
  readonly notAfter: number | null;
  /** PEM, leaf to root; in form key pair. */
  readonly chain: string | null;
  /** What CPNS_GROUPS names. */
  readonly groups: readonly GroupResult[];
}

/** What is known of a Service Group's keys. */
export interface GroupResult {
  readonly group: string;
  /** Of the highest statement; 0 where there is none. */
  readonly version: number;
  readonly ended: boolean;
  readonly left: boolean;
  /** Unix milliseconds. */
  readonly sealUntil: number | null;
  /** Whose keys are held, rising. */
  readonly versions: readonly number[];
}

export const groupResultOf = ({ groupId, version, ended, left, sealUntil, versions }: GroupStatus): GroupResult => ({
  group: groupId,
  version: Number(version),
  ended,
  left,
  sealUntil: sealUntil ?? null,
  versions: versions.map(Number),
});

export const resultOf = (
  { stage, entity, user, form, assigner, keyId, notAfter, chain }: DeviceStatus,
  groups: readonly GroupStatus[],
): Result => ({
  stage,
  entity,
  user,
  form: form ?? null,
  assigner: assigner ?? null,
  keyId: keyId ?? null,
  notAfter: notAfter ?? null,
  chain: chain === undefined ? null : dersToPem(chain),
  groups: groups.map(groupResultOf),
});

/** Atomic: a reader may be polling for the file. */
export function writeJson(path: string, value: unknown): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, `${JSON.stringify(value, undefined, 2)}\n`);
  renameSync(draft, path);
}
