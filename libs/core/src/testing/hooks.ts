import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What tests begin with. */
export interface Opened {
  open(): unknown;
  close(): unknown;
}

/** Opens it before each test of a file or of a `describe`, and closes it afterwards. */
export function perTest<T extends Opened>(opened: T): T {
  beforeEach(() => opened.open());
  afterEach(() => opened.close());
  return opened;
}

/** Opens it before the first test of a file or of a `describe`, and closes it after the last. */
export function perFile<T extends Opened>(opened: T): T {
  beforeAll(() => opened.open());
  afterAll(() => opened.close());
  return opened;
}

/** A directory that is removed with all that is in it. */
export class TemporaryDirectory implements Opened {
  path = '';

  open(): void {
    this.path = mkdtempSync(join(tmpdir(), 'cpns-'));
  }

  close(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  join(name: string): string {
    return join(this.path, name);
  }

  /** A file of mode 0600. @returns its path */
  write(name: string, content: string | Buffer): string {
    writeFileSync(this.join(name), content, { mode: 0o600 });
    return this.join(name);
  }
}
