import { dersToPem } from '@cpns/certificate-issuance';
import type { DeviceStatus } from '@cpns/pne-sdk';
import { renameSync, writeFileSync } from 'node:fs';

/** What a run came to, for whoever started it. Nothing in it is secret. */
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
}

export const resultOf = ({ stage, entity, user, form, assigner, keyId, notAfter, chain }: DeviceStatus): Result => ({
  stage,
  entity,
  user,
  form: form ?? null,
  assigner: assigner ?? null,
  keyId: keyId ?? null,
  notAfter: notAfter ?? null,
  chain: chain === undefined ? null : dersToPem(chain),
});

/** The whole file or none of it: whoever waits for it may be polling. */
export function writeResult(path: string, result: Result): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, `${JSON.stringify(result, undefined, 2)}\n`);
  renameSync(draft, path);
}
