import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP connection that can be led elsewhere, and cut: a port of this machine that passes on what comes. */
export class Link {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #isCut = false;

  private constructor(private readonly target: () => number) {
    this.#server = createServer((client) => this.#pass(client));
  }

  /** @param target port that the next connection is led to */
  static async open(target: () => number): Promise<Link> {
    const link = new Link(target);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  /** `127.0.0.1:<port>` */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends what is open; new connections are made as before. */
  reset(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends what is open, and everything that is opened from here on. */
  cut(): void {
    this.#isCut = true;
    this.reset();
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.#server.close();
    this.reset();
  }

  #pass(client: Socket): void {
    if (this.#isCut) return void client.destroy();
    const target = connect(this.target(), '127.0.0.1');
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(from);
      from
        .on('error', () => to.destroy())
        .on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      from.pipe(to);
    }
  }
}

/** The port of `host:port`. */
export const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
