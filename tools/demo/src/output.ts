import { dersToPem } from '@cpns/certificate-issuance';
import type { CollectedStep, Deployment } from '@cpns/testbed';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gatewayLeaf } from './gateway-leaf';
import { gatewayUri, GATEWAYS, type PlannedDevice } from './plan';

/** What a device that holds a certificate has to show: DER, leaf to root. */
export interface IssuedChain {
  readonly device: PlannedDevice;
  /** E of the gateway that issued it, or undefined for the Server. */
  readonly gateway: string | undefined;
  readonly chain: readonly Buffer[];
}

/** One line of transcript.json. */
export interface TranscriptEntry {
  readonly flow: string;
  readonly step: number;
  readonly from: string;
  readonly to: string;
  /** When the step ended at its reporter, ISO 8601. */
  readonly at: string;
  readonly traceId: string;
  readonly pid: number;
}

export const transcriptEntry = ({ flow, step, from, to, span }: CollectedStep): TranscriptEntry => ({
  flow,
  step,
  from,
  to,
  at: new Date(span.endedAt).toISOString(),
  traceId: span.traceId,
  pid: span.pid,
});

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

export function makeOutputDirectory(directory: string): string {
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** The certificates of the run, while its gateways still serve theirs. */
export async function writeCertificates(
  directory: string,
  deployment: Deployment,
  issued: readonly IssuedChain[],
): Promise<void> {
  copyFileSync(deployment.pki.root, join(directory, 'root.pem'));
  copyFileSync(deployment.pki.issuingCa.certificate, join(directory, 'issuing.pem'));
  copyFileSync(deployment.pki.serverEntityCa.certificate, join(directory, 'server-entity-ca.pem'));
  for (const gateway of GATEWAYS) {
    const address = deployment.address(gatewayUri(gateway), 'token');
    writeFileSync(join(directory, `gw-${gateway.id}.pem`), dersToPem([await gatewayLeaf(address)]));
    const [, ca] = issued.find((entry) => entry.gateway === gatewayUri(gateway))?.chain ?? [];
    if (ca === undefined) throw new Error(`no device shows a certificate of ${gateway.id}`);
    writeFileSync(join(directory, `gw-${gateway.id}-ca.pem`), dersToPem([ca]));
  }
  for (const { device, chain } of issued)
    writeFileSync(join(directory, `entity-${device.id}.pem`), dersToPem(chain.slice(0, 1)));
}

/** What was seen, for other programs. */
export function writeReports(directory: string, steps: readonly CollectedStep[], summary: unknown): void {
  writeFileSync(join(directory, 'transcript.json'), json(steps.map(transcriptEntry)));
  writeFileSync(join(directory, 'summary.json'), json(summary));
}
