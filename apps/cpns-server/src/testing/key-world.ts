/** A CPNS Server in the process of a test, as far as Entity-User Keys go: its real ports over a store and a clock of the test. */
import { EntityUserKeyServiceService, type AssignmentReply, type AssignmentRequest } from '@cpns/contracts';
import { Clock, formatEntityUri, serviceUri } from '@cpns/core';
import { FakeClock, TemporaryDirectory } from '@cpns/core/testing';
import { startService, type ServedModule } from '@cpns/platform/testing';
import { Store } from '@cpns/store';
import { FailingStore, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { NOWHERE, Operator, serverSideSettings, writePki } from '@cpns/testing';
import { ASSIGN_METHOD, castOf, OperatedWorld, TestGateway, type Cast, type Port } from '@cpns/testing/bad-input';
import { AppModule } from '../app.module';
import { ServerConfig } from '../config';

export const TRUST_DOMAIN = 'td.example';
const SERVER = serviceUri(TRUST_DOMAIN, 'cpns-server');

interface Parts {
  readonly directory: TemporaryDirectory;
  readonly clock: FakeClock;
  readonly temporary: TemporaryStore;
  readonly database: FailingStore;
  readonly service: ServedModule;
  readonly operator: Operator;
  readonly enrolled: (pn: string, id: string) => Promise<TestGateway>;
}

export class ServerWorld extends OperatedWorld {
  /** Of pn1, as the probe is: assigns nothing here. */
  readonly gatewayUri = `cpns://pn1.${TRUST_DOMAIN}/pn-gw/gw1`;
  /** The test's own gateway, which relays. */
  protected readonly peer = { uri: this.probe.uri, address: NOWHERE };

  private constructor(
    cast: Cast,
    private readonly parts: Parts,
  ) {
    super(cast);
  }

  static async start(): Promise<ServerWorld> {
    const directory = new TemporaryDirectory();
    directory.open();
    const pki = await writePki(directory.join('pki'), TRUST_DOMAIN);
    const clock = new FakeClock(Date.now());
    const temporary = await temporaryStore(clock);
    const database = new FailingStore(temporary.store);
    const service = await startService({
      name: 'cpns-server',
      module: AppModule,
      configClass: ServerConfig,
      env: serverSideSettings('cpns-server', directory.path, TRUST_DOMAIN, pki),
      overrides: [
        { provide: Clock, useValue: clock },
        { provide: Store, useValue: database },
      ],
    });
    const peer = { uri: SERVER, address: service.addresses.certificate! };
    const operator = new Operator({ server: peer, smf: peer }, pki);
    const server = {
      operator,
      pki,
      uri: () => SERVER,
      address: (_name: string, port: 'token' | 'certificate') => service.addresses[port]!,
      entity: (pnId: string, entityType: 'pn-gw', entityId: string) =>
        formatEntityUri({ pnId, trustDomain: TRUST_DOMAIN, entityType, entityId }),
    };
    const enrolled = (pn: string, id: string) => TestGateway.enrol(server, pn, id);
    const cast = await castOf(TRUST_DOMAIN, pki, enrolled);
    return new ServerWorld(cast, { directory, clock, temporary, database, service, operator, enrolled });
  }

  get operator(): Operator {
    return this.parts.operator;
  }

  /** Another acting gateway whose keys the test holds. */
  get enrolled() {
    return this.parts.enrolled;
  }

  get store(): Store {
    return this.parts.temporary.store;
  }

  /** While its database does not answer. */
  withoutStore = async (use: () => Promise<unknown>): Promise<unknown> => {
    this.parts.database.isAway = true;
    return use().finally(() => (this.parts.database.isAway = false));
  };

  /**
   * What happens between a decision of the Server and its commit.
   * @param record put by the commits that are meant
   * @param interrupt runs ahead of each of them
   */
  async interrupting<R>(record: string, interrupt: () => Promise<unknown>, use: () => Promise<R>): Promise<R> {
    const { database } = this.parts;
    const commit = database.commit.bind(database);
    database.commit = async (aggregate, change) => {
      if (change.put?.some(({ name }) => name === record)) await interrupt();
      return commit(aggregate, change);
    };
    return use().finally(() => (database.commit = commit));
  }

  address(port: Port): string {
    return this.parts.service.addresses[port === 'Server token' ? 'token' : 'certificate']!;
  }

  now(): number {
    return this.parts.clock.now();
  }

  pass(milliseconds: number): Promise<void> {
    this.parts.clock.advance(milliseconds);
    return Promise.resolve();
  }

  delivered(): Promise<void> {
    return Promise.resolve();
  }

  async ask(request: AssignmentRequest): Promise<AssignmentReply | undefined> {
    const { assignEntityUserKey } = EntityUserKeyServiceService;
    return (
      await this.wire('Server certificate', 'PN GW').call(assignEntityUserKey, { request, method: ASSIGN_METHOD })
    ).reply;
  }

  async stop(): Promise<void> {
    this.closeWires();
    this.operator.close();
    await this.parts.service.close();
    await this.parts.temporary.dispose();
    this.parts.directory.close();
  }
}
