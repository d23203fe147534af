/** `pki revoke`, `pki ended`, `operator revoke`: certificates of operators and services that count no more. */
import { pemToDers } from '@cpns/certificate-issuance';
import type { EndCertificateRequest, EndedCertificate } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { Command } from 'commander';
import { type ConnectionFlags, withConnection, withServer } from '../connection';
import { checkInput, UsageError } from '../exit-codes';
import { type Io, readInput } from '../io';
import * as values from '../option-values';
import { type Column, fieldTable, listTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { allPages, PAGE_SIZE } from '../paging';
import { isoTime, readableTime } from '../values';

type Flags = ConnectionFlags & { readonly output: OutputFormat };

/** An ended certificate as JSON output has it. */
interface EndedAnswer {
  readonly what: 'public key' | 'operator' | 'gateway certificate' | 'unknown';
  /** SHA-256 in hexadecimal digits, or a URI. */
  readonly value: string;
  readonly endedAt: string | null;
  readonly until: string | null;
}

function describeEnded({ which, endedAt, until }: EndedCertificate): EndedAnswer {
  const times = { endedAt: isoTime(endedAt), until: isoTime(until) };
  switch (which?.$case) {
    case 'publicKeyDigest':
      return { what: 'public key', value: which.value.toString('hex'), ...times };
    case 'uri':
      return { what: 'operator', value: which.value, ...times };
    case 'certificateDigest':
      return { what: 'gateway certificate', value: which.value.toString('hex'), ...times };
    case undefined:
      return { what: 'unknown', value: '-', ...times };
  }
}

const columns = (now: number): readonly Column<EndedAnswer>[] => [
  { heading: 'what', cell: ({ what }) => what },
  { heading: 'SHA-256 or name', cell: ({ value }) => value },
  { heading: 'ended', cell: ({ endedAt }) => readableTime(endedAt, now) },
  { heading: 'in the list until', cell: ({ until }) => readableTime(until, now) },
];

async function end(io: Io, flags: Flags, which: EndCertificateRequest['which']): Promise<void> {
  const { ended } = await withServer(flags, io.now(), ({ certificates }) => certificates.endCertificate({ which }));
  if (ended === undefined) throw new CpnsError('INTERNAL', 'the Server answered without what it ended');
  const answer = describeEnded(ended);
  writeAnswer(io, flags.output, answer, () =>
    fieldTable(columns(io.now()).map(({ heading, cell }) => [heading, cell(answer)])),
  );
}

/** The first certificate of a PEM file, DER. */
function certificateIn(path: string): Buffer {
  const [leaf] = checkInput(path, () => pemToDers(readInput(path).toString('utf8')));
  if (leaf === undefined) throw new UsageError(`${path} holds no certificate`);
  return leaf;
}

interface RevokeFlags extends Flags {
  readonly publicKey?: Buffer;
}

/** `pki revoke`: ends the key of a certificate, and with it each certificate that it has. */
export function revokeCertificateCommand(io: Io): Command {
  const command = new Command('revoke')
    .description('end the key of an operator’s or a service’s certificate, everywhere and at once')
    .argument('[file]', 'the certificate, PEM; of a chain the first')
    .option('--public-key <hex>', 'SHA-256 of its public key (SubjectPublicKeyInfo, DER), instead', values.digest)
    .addHelpText(
      'after',
      '\nIts holder needs another key, not only another certificate. A gateway or a device is ended by `entity revoke`.',
    );
  return withOutput(withConnection(command)).action(async (file: string | undefined, flags: RevokeFlags) => {
    const { publicKey } = flags;
    if ((file === undefined) === (publicKey === undefined)) throw new UsageError('give a file, or --public-key');
    await end(
      io,
      flags,
      file === undefined
        ? { $case: 'publicKeyDigest', value: publicKey ?? Buffer.alloc(0) }
        : { $case: 'certificate', value: certificateIn(file) },
    );
  });
}

/** `operator revoke`: ends a name, whatever certificates it has or gets. */
export function revokeOperatorCommand(io: Io): Command {
  const command = new Command('revoke')
    .description('end an operator by his name, everywhere and at once: two years long no certificate of it counts')
    .argument('<name>', 'as in cpns://<trust-domain>/operator/<name>', values.name);
  return withOutput(withConnection(command)).action((name: string, flags: Flags) =>
    end(io, flags, { $case: 'operator', value: name }),
  );
}

/** `pki ended`: the list. */
export function endedCommand(io: Io): Command {
  const command = new Command('ended').description('list the keys, operators and gateway certificates that were ended');
  return withOutput(withConnection(command)).action(async (flags: Flags) => {
    const list = await withServer(flags, io.now(), ({ certificates }) =>
      allPages(async (pageToken) => {
        const { ended: items, nextPageToken } = await certificates.listEndedCertificates({
          pageSize: PAGE_SIZE,
          pageToken,
        });
        return { items, nextPageToken };
      }),
    );
    const answer = list.map(describeEnded);
    writeAnswer(io, flags.output, answer, () => listTable(answer, columns(io.now())));
  });
}
