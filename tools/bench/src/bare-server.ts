import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '@cpns/testing';

export interface BareServerOptions {
  /** gRPC path to the answer's bytes. */
  readonly answers: Readonly<Record<string, Buffer>>;
  /** Whether it asks its clients for a certificate. */
  readonly mutual: boolean;
  /** A channel that many hold open, what each is sent, and the call that has it sent. */
  readonly broadcast?: { readonly channel: string; readonly on: string; readonly message: Buffer };
}

const READY_MS = 20_000;
const POLL_MS = 20;

/** baseline-echo.ts as a process, with the certificate of the deployment's CPNS Server. */
export class BareServer {
  private constructor(
    readonly address: string,
    private readonly child: ChildProcess,
    private readonly directory: string,
  ) {}

  /** @throws Error when it does not listen within 20 s */
  static async start({ pki }: Deployment, options: BareServerOptions): Promise<BareServer> {
    const directory = mkdtempSync(join(tmpdir(), 'cpns-bench-'));
    const [file, readyFile] = [join(directory, 'echo.json'), join(directory, 'ready')];
    const { chain, key } = pki.services['cpns-server'];
    const text = (path: string) => readFileSync(path, 'utf8');
    const { answers, mutual, broadcast } = options;
    const config = {
      cert: text(chain),
      key: text(key),
      ...(mutual ? { clientRoot: text(pki.root) } : {}),
      readyFile,
      answers: Object.fromEntries(Object.entries(answers).map(([path, bytes]) => [path, bytes.toString('base64')])),
      ...(broadcast && { broadcast: { ...broadcast, message: broadcast.message.toString('base64') } }),
    };
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    const child = spawn(process.execPath, [join(__dirname, 'baseline-echo.js'), file], { stdio: 'inherit' });
    const server = (address: string) => new BareServer(address, child, directory);
    for (const until = Date.now() + READY_MS; Date.now() < until && child.exitCode === null; await sleep(POLL_MS))
      if (existsSync(readyFile)) return server(readFileSync(readyFile, 'utf8'));
    server('').stop();
    throw new Error('the bare server does not listen');
  }

  stop(): void {
    this.child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true });
  }
}
