import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dersToPem, parseCsr } from '@cpns/certificate-issuance';
import { AssignmentRequest } from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import { deriveTokenAuthKey, type OneTimeString, parseOneTimeString } from '@cpns/key-derivation';
import {
  acceptAssignment,
  admittedBy,
  type AssignedCertificate,
  fetchRoot,
  type PendingAssignment,
  prepareAssignment,
  tokenChannel,
} from '@cpns/pne-sdk';
import { Command } from 'commander';
import { checkInput, UsageError } from '../exit-codes';
import { type Io, readInput, writing } from '../io';
import { fieldTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { isoTime, readableTime } from '../values';

/**
 * The file of the request that an assignment was asked for with: when its reply is lost, the same command sends the same
 * bytes again and gets the stored reply. It holds no secret.
 */
export const requestFileOf = (oneTimeStringFile: string): string => `${oneTimeStringFile}.request`;

/** Whether stored bytes are the request of this token for this CSR. */
function isFor(bytes: Buffer, { tokenId }: OneTimeString, csr: Buffer): boolean {
  const { tokenId: stored, key } = AssignmentRequest.decode(bytes);
  return stored === tokenId && key?.$case === 'csr' && Buffer.from(key.value).equals(csr);
}

/**
 * The stored request where there is one for this token and CSR, else a new one, stored before it is returned.
 * @param root DER
 * @throws CpnsError of {@link prepareAssignment}; UsageError when it cannot be stored
 */
export async function pendingRequest(
  file: string,
  oneTime: OneTimeString,
  root: Buffer,
  csr: Buffer,
): Promise<PendingAssignment> {
  const stored = existsSync(file) ? readFileSync(file) : undefined;
  if (stored !== undefined && isFor(stored, oneTime, csr))
    return { admitted: admittedBy(oneTime, root), authKey: deriveTokenAuthKey(oneTime.secret), request: stored };
  const pending = await prepareAssignment(oneTime, root, systemRandom, { csr });
  writing(file, () => writeFileSync(file, pending.request, { mode: 0o600 }));
  return pending;
}

export const forgetRequest = (file: string): void => rmSync(file, { force: true });

interface AssignFlags {
  readonly csr: string;
  readonly oneTimeStringFile: string;
  readonly out?: string;
  readonly output: OutputFormat;
}

const PEM_CSR = /-----BEGIN (NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]*)-----END (NEW )?CERTIFICATE REQUEST-----/;

/** A CSR in PEM, as `openssl req -new` writes it, or in DER; text around the PEM block is passed over. */
export function csrDer(content: Buffer): Buffer {
  const [, , body] = PEM_CSR.exec(content.toString('latin1')) ?? [];
  return body === undefined ? content : Buffer.from(body.replace(/\s/g, ''), 'base64');
}

/** @throws UsageError */
function readOneTimeString(file: string): OneTimeString {
  const oneTime = checkInput(file, () => parseOneTimeString(readInput(file).toString('utf8').trim()));
  if (oneTime.form !== 'key-pair')
    throw new UsageError(`${file}: the admission is for a shared secret, and a CSR asks for a certificate`);
  return oneTime;
}

/** Asks the peer of the one-time string, and believes its answer only when it is the one that was asked for. */
async function request(pending: PendingAssignment, now: number): Promise<AssignedCertificate> {
  const channel = tokenChannel(pending.admitted);
  try {
    const reply = await channel.assign(AssignmentRequest.decode(pending.request));
    const assigned = acceptAssignment(pending, reply, now);
    if (assigned.form !== 'key-pair') throw new Error('a request with a CSR is answered with a certificate');
    return assigned;
  } finally {
    channel.close();
  }
}

function writeChain(io: Io, flags: AssignFlags, oneTime: OneTimeString, assigned: AssignedCertificate): void {
  const pem = dersToPem(assigned.chain);
  const { out } = flags;
  if (out !== undefined) writing(out, () => writeFileSync(out, pem));
  const notAfter = isoTime(BigInt(assigned.notAfter));
  const { entity, user } = oneTime;
  const answer = { entity, user: user === '' ? null : user, assigner: assigned.assigner, notAfter };
  writeAnswer(io, flags.output, out === undefined ? { ...answer, chain: pem } : { ...answer, file: out }, () =>
    out === undefined
      ? pem.trimEnd()
      : fieldTable([
          ['entity', entity],
          ['user', user === '' ? '-' : user],
          ['assigner', assigned.assigner],
          ['valid until', readableTime(notAfter, io.now())],
          ['chain, leaf to root', out],
        ]),
  );
}

/** `entity assign`: an Entity-User Key in form key pair for a key that some other program made and keeps (EUK-SRV-P, EUK-GW-P). */
export function assignCommand(io: Io): Command {
  const command = new Command('assign')
    .description('get the certificate for a CSR that another program made, such as openssl req')
    .requiredOption('--csr <file>', 'PKCS #10, PEM or DER, of P-256, RSA-2048, RSA-3072 or Ed25519')
    .requiredOption('--one-time-string-file <file>', 'as entity admit printed it')
    .option('--out <file>', 'write the chain there, PEM, leaf to root, instead of printing it')
    .addHelpText(
      'after',
      '\nThe request is kept beside the one-time string until its answer is written: after a failure, run the same again.',
    );
  return withOutput(command).action(async (flags: AssignFlags) => {
    const csr = csrDer(readInput(flags.csr));
    checkInput(flags.csr, () => parseCsr(csr));
    const oneTime = readOneTimeString(flags.oneTimeStringFile);
    const root = await fetchRoot(oneTime.endpoint, oneTime.rootDigest);
    const file = requestFileOf(flags.oneTimeStringFile);
    const assigned = await request(await pendingRequest(file, oneTime, root, csr), io.now());
    writeChain(io, flags, oneTime, assigned);
    forgetRequest(file);
  });
}
