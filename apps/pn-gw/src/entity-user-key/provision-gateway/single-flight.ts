/** Lets one run of a task serve all who ask for it while it runs. */
export class SingleFlight<T> {
  #running: Promise<T> | undefined;

  run(task: () => Promise<T>): Promise<T> {
    this.#running ??= task().finally(() => (this.#running = undefined));
    return this.#running;
  }
}
