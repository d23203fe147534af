import { startRedis, type RunningRedis } from '@cpns/store/testing';
import { Redis } from 'ioredis';
import { waitUntil } from '@cpns/testing';
import { Link } from '../support/link';

/** Nothing waits for more replicas: the first copy is made at once. */
const SETTINGS = { settings: ['--repl-diskless-sync-delay', '0'] };

/**
 * Two Redis servers behind one address, the second a replica of the first: a fail-over loses what was written since the
 * replica fell behind.
 */
export class FailoverRedis {
  #serving: RunningRedis;
  #link: Link | undefined;

  private constructor(
    private readonly primary: RunningRedis,
    private readonly replica: RunningRedis,
  ) {
    this.#serving = primary;
  }

  static async start(): Promise<FailoverRedis> {
    const started = new FailoverRedis(await startRedis(SETTINGS), await startRedis(SETTINGS));
    await started.#ofReplica((redis) => redis.replicaof('127.0.0.1', started.primary.port));
    await started.#inStep();
    started.#link = await Link.open(() => started.#serving.port);
    return started;
  }

  /** For `openStore`. */
  get url(): string {
    return `redis://${this.#link!.address}`;
  }

  /** From here on the replica gets nothing more. */
  async fallBehind(): Promise<void> {
    await this.#inStep();
    await this.#ofReplica((redis) => redis.replicaof('NO', 'ONE'));
  }

  /** The first server is gone, and the replica serves: what it had not got is lost. */
  async failOver(): Promise<void> {
    this.#serving = this.replica;
    await this.primary.kill();
    this.#link?.reset();
  }

  async stop(): Promise<void> {
    this.#link?.close();
    await Promise.all([this.primary.stop(), this.replica.stop()]);
  }

  /** The replica has everything that was written so far. */
  #inStep(): Promise<boolean> {
    return this.#ofReplica(async (replica) => {
      const primary = new Redis(this.primary.url);
      const offset = async (of: Redis) => /master_repl_offset:(\d+)/.exec(await of.info('replication'))?.[1];
      const isLinked = async () => (await replica.info('replication')).includes('master_link_status:up');
      return waitUntil(
        'a replica in step',
        async () => (await isLinked()) && (await offset(primary)) === (await offset(replica)),
        {
          withinMs: 20_000,
        },
      ).finally(() => primary.disconnect());
    });
  }

  async #ofReplica<T>(use: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.replica.url);
    return use(redis).finally(() => redis.disconnect());
  }
}
