import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManagedProcess, type Deployment } from '@cpns/testing';
import type { EchoConfig } from './baseline-echo';

/** A method of a generated service, as far as its answers go. */
export interface Answered<Answer> {
  readonly path: string;
  readonly responseSerialize: (answer: Answer) => Buffer;
}

export interface BareServerOptions {
  /** Whether it asks its clients for a certificate. */
  readonly mutual: boolean;
  /** A channel that many hold open, and what each is sent with every answer. */
  readonly broadcast?: { readonly channel: string; readonly message: Buffer };
}

const READY_MS = 20_000;

/** baseline-echo.ts as a process, with the certificate of the deployment's CPNS Server. */
export class BareServer {
  private constructor(
    readonly address: string,
    private readonly process: ManagedProcess,
    private readonly directory: string,
  ) {}

  /** Answers one method, always alike. @throws Error when it does not listen within 20 s */
  static async start<Answer>(
    { pki }: Deployment,
    { path, responseSerialize }: Answered<Answer>,
    answer: Answer,
    { mutual, broadcast }: BareServerOptions,
  ): Promise<BareServer> {
    const directory = mkdtempSync(join(tmpdir(), 'cpns-bench-'));
    const [file, readyFile] = [join(directory, 'echo.json'), join(directory, 'ready')];
    const { chain, key } = pki.services['cpns-server'];
    const config: EchoConfig = {
      cert: readFileSync(chain, 'utf8'),
      key: readFileSync(key, 'utf8'),
      ...(mutual && { clientRoot: readFileSync(pki.root, 'utf8') }),
      readyFile,
      path,
      answer: responseSerialize(answer).toString('base64'),
      ...(broadcast && { broadcast: { ...broadcast, message: broadcast.message.toString('base64') } }),
    };
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    const main = join(__dirname, 'baseline-echo.js');
    const logFile = join(directory, 'log');
    const process = await ManagedProcess.start({ name: 'the bare server', main, args: [file], env: {}, logFile });
    await process.waitForFile(readyFile, READY_MS, 'listen');
    return new BareServer(readFileSync(readyFile, 'utf8'), process, directory);
  }

  async stop(): Promise<void> {
    await this.process.kill('SIGKILL');
    rmSync(this.directory, { recursive: true });
  }
}
