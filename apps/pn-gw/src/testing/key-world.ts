/** A PN GW in the process of a test, as far as Entity-User Keys go: its real ports over a store and a clock of the test. */
import {
  PnGatewayServiceService,
  wireKeyForm,
  type AssignmentReply,
  type AssignmentRequest,
  type OpenDeliveryChannelResponse,
} from '@cpns/contracts';
import { Clock, parseEntityUri, SECRET_BYTES, TokenSecret } from '@cpns/core';
import { eventually, FakeClock, TemporaryDirectory } from '@cpns/core/testing';
import { sha256 } from '@cpns/key-derivation';
import { startService, type ServedModule } from '@cpns/platform/testing';
import { Store } from '@cpns/store';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { NOWHERE, storeSettings, writePki } from '@cpns/testing';
import {
  castOf,
  CastWorld,
  issued,
  issuerOf,
  TestGateway,
  tokenOf,
  type AdmitWish,
  type Cast,
  type OperatorCalls,
  type Port,
  type Token,
} from '@cpns/testing/bad-input';
import { randomBytes } from 'node:crypto';
import { AppModule } from '../app.module';
import { OwnGateway } from '../common/own-gateway';
import { GatewayConfig } from '../config';
import { LiveCredentials } from '../live-credentials/live-credentials';
import { TableAge } from '../live-credentials/table-age';
import { ServerClients, SmfClients } from '../peers/peer-clients';
import { FakeServer } from './fake-server';
import { FakeSmf } from './fake-smf';

const TRUST_DOMAIN = 'td.example';
const GATEWAY = `cpns://pn1.${TRUST_DOMAIN}/pn-gw/gw1`;
const LIFETIME_MS = 3_600_000;
/** Of the keys that the gateway assigns, milliseconds. */
export const KEY_LIFETIME_MS = 3_600_000;

/** As devices are told. */
export const CERTIFICATE_PORT = 7440;

/** The variables with which a PN GW starts. @param directory of its own */
export const gatewayEnv = (directory: string): Record<string, string> => ({
  ...storeSettings(directory),
  CPNS_LISTEN: '127.0.0.1:0',
  CPNS_CERTIFICATE_PORT: String(CERTIFICATE_PORT),
  CPNS_SERVER_ADDRESS: NOWHERE,
  CPNS_SMF_ADDRESS: NOWHERE,
  CPNS_TOKEN_LISTEN: '127.0.0.1:0',
  CPNS_KEY_LIFETIME: `${KEY_LIFETIME_MS}ms`,
  // what it has is asked for when it is needed
  CPNS_PROVISIONING_INTERVAL: '1h',
});

export class GatewayKeyWorld extends CastWorld {
  readonly gatewayUri = GATEWAY;
  readonly #admitted = new Map<string, boolean>();
  #sent = 0n;

  private constructor(
    cast: Cast,
    readonly server: FakeServer,
    private readonly directory: TemporaryDirectory,
    private readonly clock: FakeClock,
    private readonly temporary: TemporaryStore,
    private readonly service: ServedModule,
  ) {
    super(cast);
  }

  static async start(): Promise<GatewayKeyWorld> {
    const directory = new TemporaryDirectory();
    directory.open();
    const pki = await writePki(directory.join('pki'), TRUST_DOMAIN);
    const issuingCa = issuerOf(pki.issuingCa);
    const cast = await castOf(TRUST_DOMAIN, pki, (pn, id) =>
      TestGateway.certified(issuingCa, `cpns://${pn}.${TRUST_DOMAIN}/pn-gw/${id}`),
    );
    const clock = new FakeClock(Date.now());
    const temporary = await temporaryStore(clock);
    const wanted = { profile: 'gateway-identity', uri: GATEWAY, dnsNames: ['localhost'] } as const;
    const { chain, tls } = await issued(issuingCa, wanted);
    const own: OwnGateway = {
      uri: GATEWAY,
      name: parseEntityUri(GATEWAY),
      chain,
      root: pki.rootDer,
      tls: { cert: String(tls.cert), key: String(tls.key), ca: String(tls.root) },
    };
    const server = new FakeServer(GATEWAY, clock, { authorities: cast.authorities });
    const service = await startService({
      name: 'pn-gw',
      module: AppModule,
      configClass: GatewayConfig,
      env: gatewayEnv(directory.path),
      overrides: [
        { provide: Clock, useValue: clock },
        { provide: Store, useValue: temporary.store },
        { provide: OwnGateway, useValue: own },
        { provide: ServerClients, useValue: server.clients },
        { provide: SmfClients, useValue: new FakeSmf(TRUST_DOMAIN).clients },
      ],
    });
    const credentials = service.get(LiveCredentials);
    await credentials.beginSnapshot(false);
    await credentials.endSnapshot();
    await service.get(TableAge).note(clock.now());
    return new GatewayKeyWorld(cast, server, directory, clock, temporary, service);
  }

  get store(): Store {
    return this.temporary.store;
  }

  /** What an operator does reaches the gateway over its channel; the played Server does not judge by it. */
  readonly operator: OperatorCalls = {
    revokeAdmission: async (entity, tokenId) => {
      if (this.#admitted.get(tokenId) === true)
        await this.deliver({ $case: 'tokenRevocation', value: { tokenId, entity } });
    },
    revokeKey: (entity) => this.deliver({ $case: 'credential', value: this.server.ended(entity) }),
    enrolment: { importFirstSeed: () => Promise.resolve({}), revokeFirstSeed: () => Promise.resolve({}) },
  };

  address(port: Port): string {
    return this.service.addresses[port === 'gateway token' ? 'token' : 'certificate']!;
  }

  now(): number {
    return this.clock.now();
  }

  /** The gateway is in touch with the Server all the time. */
  pass(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    return this.service.get(TableAge).note(this.now());
  }

  /** Sends an entry over the delivery channel, and sees it worked off. */
  async deliver(entry: NonNullable<OpenDeliveryChannelResponse['entry']>): Promise<void> {
    this.server.log.add({ entry });
    this.#sent += 1n;
    await this.delivered();
  }

  async delivered(): Promise<void> {
    await eventually(() => expect(this.server.log.acknowledged).toBe(this.#sent));
  }

  async admit({
    form,
    assigner,
    entity = this.entity(),
    user = '',
    lifetime = LIFETIME_MS,
  }: AdmitWish): Promise<Token> {
    const tokenId = randomBytes(16).toString('hex');
    const secret = new TokenSecret(randomBytes(SECRET_BYTES));
    const rootDigest = sha256(this.rootDer);
    const token = tokenOf({ tokenId, secret, rootDigest, entity, user, form, peer: GATEWAY, endpoint: NOWHERE });
    this.#admitted.set(tokenId, assigner === 'gateway');
    if (assigner !== 'gateway') this.server.authKeys.set(tokenId, token.authKey);
    else await this.grant(token, lifetime);
    return token;
  }

  /** The Server has the gateway assign under a token. */
  grant({ tokenId, entity, user, form, authKey }: Token, lifetime = LIFETIME_MS): Promise<void> {
    const times = { expiresAt: BigInt(this.now() + lifetime), admittedAt: BigInt(this.now()) + this.#sent };
    const value = { tokenId, entity, user, form: wireKeyForm(form), tokenAuthKey: authKey.expose(), ...times };
    return this.deliver({ $case: 'tokenGrant', value });
  }

  admitGateway(): Promise<Token> {
    throw new Error('a PN GW enrols at the Server');
  }

  async ask(request: AssignmentRequest): Promise<AssignmentReply | undefined> {
    return (await this.wire('gateway token').call(PnGatewayServiceService.assignEntityUserKey, { request })).reply;
  }

  async stop(): Promise<void> {
    this.closeWires();
    await this.service.close();
    await this.temporary.dispose();
    this.directory.close();
  }
}
