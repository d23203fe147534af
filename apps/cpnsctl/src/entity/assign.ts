/** `entity assign`: an Entity-User Key in form key pair for a key that some other program made and keeps (EUK-SRV-P, EUK-GW-P). */
import { dersToPem, parseCsr } from '@cpns/certificate-issuance';
import { AssignmentRequest } from '@cpns/contracts';
import { parseOneTimeString, type OneTimeString } from '@cpns/key-derivation';
import {
  acceptAssignment,
  fetchRoot,
  tokenChannel,
  type AssignedCertificate,
  type PendingAssignment,
} from '@cpns/pne-sdk';
import { Command } from 'commander';
import { writeFileSync } from 'node:fs';
import { checkInput, UsageError } from '../exit-codes';
import { readInput, writing } from '../files';
import type { Io } from '../io';
import { fieldTable, withOutput, writeAnswer, type OutputFormat } from '../output';
import { isoTime, readableTime } from '../values';
import { forgetRequest, pendingRequest, requestFileOf } from './pending-request';

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
