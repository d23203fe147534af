import type { Io } from '../io';

/** An {@link Io} that keeps what is written, at a time that stands still. */
export class RecordingIo implements Io {
  readonly written = { out: '', err: '' };
  readonly asked: string[] = [];
  readonly ask: Io['ask'];

  /** @param answer of the person at the terminal; without it there is no terminal */
  constructor(
    private readonly at = Date.now(),
    answer?: string,
  ) {
    if (answer === undefined) return;
    this.ask = (question) => {
      this.asked.push(question);
      return Promise.resolve(answer);
    };
  }

  readonly out = (text: string): void => void (this.written.out += text);
  readonly err = (text: string): void => void (this.written.err += text);
  readonly now = (): number => this.at;
}
