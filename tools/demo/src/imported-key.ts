import type { CollectedSpan } from '@cpns/testing';

/**
 * A pre-shared key (Q2) goes through no flow: the operator imports it, and the device's first call is proved with it. The
 * calls that this takes, as the services that answered them report.
 */
export const IMPORT_CALLS = {
  import: '/cpns.v1.EnrolmentService/ImportEntityUserKey',
  /** A device's own call at its gateway, with a proof of its key. */
  proved: '/cpns.v1.PnGatewayService/ReportCapabilities',
  /** The gateway does not hold the key: inside that call the Server verifies the proof on its behalf. */
  verified: '/cpns.v1.ProofService/VerifyProof',
} as const;

export interface ImportOutcome {
  readonly id: string;
  readonly due: readonly string[];
  readonly seen: readonly string[];
}

/** Who reports, and how many devices hold a secret that only the Server can verify. */
export interface ImportScene {
  /** Whether a span comes from one of the gateways. */
  readonly byGateway: (span: CollectedSpan) => boolean;
  readonly byServer: (span: CollectedSpan) => boolean;
  /** The imported one and those that the Server assigned; each proves itself in a call of its own. */
  readonly secretsAtServer: number;
}

/** What the spans say of the device with the imported key. */
export function importOutcome(id: string, spans: readonly CollectedSpan[], scene: ImportScene): ImportOutcome {
  const answered = (name: string, by: (span: CollectedSpan) => boolean) =>
    // a call that failed says why
    spans.filter((span) => span.name === name && by(span) && span.attributes['cpns.reason'] === undefined);
  const { import: imports, proved, verified } = IMPORT_CALLS;
  const asked = new Set(answered(proved, scene.byGateway).map(({ traceId }) => traceId));
  const proofs = answered(verified, scene.byServer).filter(({ traceId }) => asked.has(traceId));
  const seen = [
    ...(answered(imports, scene.byServer).length > 0 ? [imports] : []),
    ...(proofs.length >= scene.secretsAtServer ? [proved, verified] : []),
  ];
  return { id, due: Object.values(IMPORT_CALLS), seen };
}
