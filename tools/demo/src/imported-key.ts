import type { CollectedSpan } from '@cpns/testbed';

/**
 * A pre-shared key (Q2) goes through no flow: the operator imports it, and the device's first call is proved with it. The
 * calls that this takes, as the services that answered them report.
 */
export const IMPORT_CALLS = {
  import: '/cpns.v1.EnrolmentService/ImportEntityUserKey',
  /** A device's own call, with a proof of its key. */
  proved: '/cpns.v1.PnGatewayService/ReportCapabilities',
  /** The gateway does not hold the key: the Server verifies on its behalf. */
  verified: '/cpns.v1.ProofService/VerifyProof',
} as const;

export interface ImportOutcome {
  readonly id: string;
  readonly due: readonly string[];
  readonly seen: readonly string[];
}

/** A call that failed says why. */
const succeeded = ({ attributes }: CollectedSpan): boolean => attributes['cpns.reason'] === undefined;

/** @param pids of the device, its gateway and the Server */
export function importOutcome(
  id: string,
  spans: readonly CollectedSpan[],
  pids: { readonly device: readonly number[]; readonly gateway: number; readonly server: number },
): ImportOutcome {
  const traces = new Set(spans.filter(({ pid }) => pids.device.includes(pid)).map(({ traceId }) => traceId));
  const answered = (name: string, pid: number, inTrace: boolean) =>
    spans.some(
      (span) => span.name === name && span.pid === pid && succeeded(span) && (!inTrace || traces.has(span.traceId)),
    );
  const due = Object.values(IMPORT_CALLS);
  const seen = [
    ...(answered(IMPORT_CALLS.import, pids.server, false) ? [IMPORT_CALLS.import] : []),
    ...(answered(IMPORT_CALLS.proved, pids.gateway, true) ? [IMPORT_CALLS.proved] : []),
    ...(answered(IMPORT_CALLS.verified, pids.server, true) ? [IMPORT_CALLS.verified] : []),
  ];
  return { id, due, seen };
}
