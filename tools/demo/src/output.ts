import { dersToPem } from '@cpns/certificate-issuance';
import type { CollectedStep } from '@cpns/testing';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunOutcome } from './flow-book';
import { gatewayLeaf } from './gateway-leaf';
import type { ImportOutcome } from './imported-key';
import { gatewayUri, GATEWAYS, type PlannedDevice } from './plan';
import type { Trial } from './trials';

/** What a device that holds a certificate has to show: DER, leaf to root. */
export interface IssuedChain {
  readonly device: PlannedDevice;
  /** E of the gateway that issued it, or undefined for the Server. */
  readonly gateway: string | undefined;
  readonly chain: readonly Buffer[];
}

/** One line of transcript.json; `at` is when the step ended at its reporter, ISO 8601. */
const transcriptEntry = ({ flow, step, from, to, span: { endedAt, traceId, pid } }: CollectedStep) => ({
  flow,
  step,
  from,
  to,
  at: new Date(endedAt).toISOString(),
  traceId,
  pid,
});

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

export function makeOutputDirectory(directory: string): string {
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** The certificates of the run, while its gateways still serve theirs. @param addressOf token port of a gateway, by its E */
export async function writeCertificates(
  directory: string,
  addressOf: (gateway: string) => string,
  issued: readonly IssuedChain[],
): Promise<void> {
  const write = (name: string, der: Buffer | undefined) => {
    if (der === undefined) throw new Error(`no device shows the certificate ${name}`);
    writeFileSync(join(directory, `${name}.pem`), dersToPem([der]));
  };
  // leaf, its issuer, the issuing CA, the root
  const [, serverEntityCa, issuing, root] = issued.find(({ gateway }) => gateway === undefined)?.chain ?? [];
  write('root', root);
  write('issuing', issuing);
  write('server-entity-ca', serverEntityCa);
  for (const gateway of GATEWAYS) {
    write(`gw-${gateway.id}`, await gatewayLeaf(addressOf(gatewayUri(gateway))));
    const [, ca] = issued.find((entry) => entry.gateway === gatewayUri(gateway))?.chain ?? [];
    write(`gw-${gateway.id}-ca`, ca);
  }
  for (const { device, chain } of issued) write(`entity-${device.id}`, chain[0]);
}

/** What the demo came to. */
export interface Summary {
  readonly ok: boolean;
  readonly store: string;
  readonly seconds: number;
  readonly stepsDue: number;
  readonly stepsSeen: number;
  readonly outcomes: readonly RunOutcome[];
  readonly preSharedKey: ImportOutcome;
  readonly trials: readonly Trial[];
  readonly faults: readonly string[];
}

const runEntry = ({ run, seen, traceId }: RunOutcome) => ({
  flow: run.flow,
  entityKind: run.kind,
  entity: run.entity,
  gateway: run.gateway === '' ? null : run.gateway,
  scene: run.scene ?? null,
  due: run.steps,
  seen,
  traceId: traceId ?? null,
});

/** What was seen, for other programs. */
export function writeReports(directory: string, steps: readonly CollectedStep[], summary: Summary): void {
  const { outcomes, ...rest } = summary;
  writeFileSync(join(directory, 'transcript.json'), json(steps.map(transcriptEntry)));
  writeFileSync(join(directory, 'summary.json'), json({ ...rest, runs: outcomes.map(runEntry) }));
}
