import type { Io } from '../io';

/** An {@link Io} that keeps what is written, at a time that stands still. */
export class RecordingIo implements Io {
  readonly written = { out: '', err: '' };

  constructor(private readonly at = Date.now()) {}

  readonly out = (text: string): void => void (this.written.out += text);
  readonly err = (text: string): void => void (this.written.err += text);
  readonly now = (): number => this.at;
}
