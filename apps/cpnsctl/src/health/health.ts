/** `health`: what an orchestrator asks of a service, and waits for before it starts what depends on it. */
import { CpnsError } from '@cpns/core';
import { checkHealth, type ClientTls } from '@cpns/grpc';
import { Command } from 'commander';
import { join } from 'node:path';
import { withIdentity, type IdentityFlags } from '../connection';
import { UsageError } from '../exit-codes';
import { type Io, readInput } from '../io';
import * as values from '../option-values';
import { fieldTable, withOutput, writeAnswer, type OutputFormat } from '../output';
import { PKI_FILES } from '../pki/layout';

interface HealthFlags extends IdentityFlags {
  readonly server: string;
  readonly peer: string;
  readonly output: OutputFormat;
}

/** A token port asks for no certificate, so that cert and key may be left out. @throws UsageError */
export function healthTls({ pki, root, cert, key }: IdentityFlags): ClientTls {
  const files = {
    root: root ?? (pki && join(pki, PKI_FILES.root)),
    cert: cert ?? (pki && join(pki, PKI_FILES.operatorChain)),
    key: key ?? (pki && join(pki, PKI_FILES.operatorKey)),
  };
  if (files.root === undefined) throw new UsageError('give --pki, or --root: whom may be believed?');
  if (files.cert === undefined && files.key === undefined) return { root: readInput(files.root) };
  if (files.cert === undefined || files.key === undefined)
    throw new UsageError('--cert and --key go together: give both for a certificate port, neither for a token port');
  return { root: readInput(files.root), cert: readInput(files.cert), key: readInput(files.key) };
}

async function ask({ server, peer }: HealthFlags, tls: ClientTls) {
  try {
    return await checkHealth({ address: server, expectedPeer: peer, tls });
  } catch (error) {
    // only files that are none are refused by anything else than a CpnsError; what OpenSSL says of a key may quote it
    if (error instanceof CpnsError) throw error;
    throw new UsageError('the certificate and the key are none, or do not belong together', { cause: error });
  }
}

export function healthCommand(io: Io): Command {
  const command = new Command('health')
    .description('ask a service or a PN GW whether it serves; the exit code is 0 only if it says so')
    .requiredOption('--server <host:port>', 'a port of it: certificate or token', values.endpoint)
    .requiredOption(
      '--peer <uri>',
      'who that has to be: cpns:// URI of the service or the gateway',
      values.identityUri,
    );
  return withOutput(withIdentity(command)).action(async (flags: HealthFlags) => {
    const { peer, server, output } = flags;
    const status = await ask(flags, healthTls(flags));
    if (status !== 'SERVING') throw new CpnsError('DEPENDENCY_UNAVAILABLE', `${peer} says that it is ${status}`);
    const rows = [
      ['peer', peer],
      ['port', server],
      ['status', status],
    ] as const;
    writeAnswer(io, output, { peer, server, status }, () => fieldTable(rows));
  });
}
