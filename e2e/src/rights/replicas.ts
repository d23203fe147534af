/** Two replicas of the CPNS Server and of the SMF on one Redis, and callers whose keys the suite holds. */
import {
  CertificateServiceService,
  EnrolmentServiceService,
  EntityUserKeyServiceService,
  RevokeEntityUserKeyRequest,
  type EndCertificateRequest,
  type RegistrationRequest,
} from '@cpns/contracts';
import { CpnsError, duration, operatorUri } from '@cpns/core';
import { connectTo, type ClientMethods, type ClientTls, type Connection } from '@cpns/grpc';
import type { KeyForm } from '@cpns/key-derivation';
import { startRedis, type RunningRedis } from '@cpns/store/testing';
import { Deployment, enrolGateway, LightGateway, type GatewaySpec } from '@cpns/testing';
import {
  certificateDraft,
  certificateFor,
  freshNonce,
  issuerOf,
  sealCertificateRegistration,
  sealSecretRegistration,
  TestGateway,
  tlsOf,
  tokenOf,
  type Token,
  Wire,
  Refusal,
} from '@cpns/testing/bad-input';

/** Processes of the Server side: each is told of an end at the other replica of the CPNS Server. */
export const REPLICAS = ['a', 'b'] as const;
export type Replica = (typeof REPLICAS)[number];
export type Served = 'cpns-server' | 'smf' | 'kmc';

export const otherOf = (replica: Replica): Replica => (replica === 'a' ? 'b' : 'a');

/** How a call ends: its reason, or `accepted`. */
export const reasonOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof CpnsError || error instanceof Refusal) return error.reason;
      throw error;
    },
  );

export class Replicas {
  #redis!: RunningRedis;
  deployment!: Deployment;
  #names!: ReadonlyMap<string, string>;
  /** Connections, and gateways that have some. */
  readonly #open: { close(): void }[] = [];
  #operator!: Record<Replica, Connection>;
  #count = 0;

  /** @param gateways that are processes */
  async start(...gateways: readonly GatewaySpec[]): Promise<void> {
    this.#redis = await startRedis();
    this.deployment = await Deployment.start({ store: { redis: this.#redis.url }, gateways });
    const [server, smf] = [await this.deployment.addReplica('cpns-server'), await this.deployment.addReplica('smf')];
    this.#names = new Map([
      ['cpns-server b', server],
      ['smf b', smf],
    ]);
    this.#operator = { a: this.asOperator('cpns-server', 'a'), b: this.asOperator('cpns-server', 'b') };
  }

  async stop(): Promise<void> {
    for (const one of this.#open) one.close();
    await this.deployment?.stop();
    await this.#redis?.stop();
  }

  #closing<T extends { close(): void }>(one: T): T {
    this.#open.push(one);
    return one;
  }

  /** As the deployment calls it. */
  nameOf(service: Served, replica: Replica): string {
    return this.#names.get(`${service} ${replica}`) ?? service;
  }

  address(service: Served, replica: Replica): string {
    return this.deployment.address(this.nameOf(service, replica), 'certificate');
  }

  /** A connection of its own. */
  connect(service: Served, replica: Replica, tls: ClientTls): Connection {
    const address = this.address(service, replica);
    return this.#closing(connectTo({ address, expectedPeer: this.deployment.uri(service), tls, deadlineMs: 10_000 }));
  }

  /** As the operator of the deployment; a connection of its own. */
  asOperator(service: Served, replica: Replica): Connection {
    const { operator, root } = this.deployment.pki;
    return this.connect(service, replica, tlsOf(operator, root));
  }

  /** What an operator calls at one replica of the Server. */
  entityUserKeys(at: Replica): ClientMethods<typeof EntityUserKeyServiceService> {
    return this.#operator[at].client(EntityUserKeyServiceService);
  }

  /** As the operator of the deployment, at one replica of the Server. */
  async revoke(entity: string, at: Replica): Promise<void> {
    await this.entityUserKeys(at).revokeEntityUserKey(RevokeEntityUserKeyRequest.fromPartial({ entity }));
  }

  /** What a replica of the Server says of a gateway. */
  async isRevoked(entity: string, at: Replica): Promise<boolean> {
    const { gateway } = await this.#operator[at].client(EnrolmentServiceService).getGateway({ entity });
    return gateway?.revoked === true;
  }

  /** Enrols a gateway anew at one replica, with another certificate. @returns its new identity */
  replace({ uri }: TestGateway, at: Replica): ReturnType<typeof enrolGateway> {
    const { deployment } = this;
    const server = this.nameOf('cpns-server', at);
    return enrolGateway(
      {
        operator: deployment.operator,
        pki: deployment.pki,
        entity: () => uri,
        uri: (name) => deployment.uri(name),
        address: (_name, port) => deployment.address(server, port),
      },
      { pn: '', id: '' },
    );
  }

  operatorUri(name: string): string {
    return operatorUri(this.deployment.trustDomain, name);
  }

  async end(which: EndCertificateRequest['which'], at: Replica): Promise<void> {
    await this.#operator[at].client(CertificateServiceService).endCertificate({ which });
  }

  get issuingCa() {
    return issuerOf(this.deployment.pki.issuingCa);
  }

  /** A gateway of a PN of its own. */
  async gateway(): Promise<TestGateway> {
    return this.#closing(await TestGateway.enrol(this.deployment, `pn${++this.#count}`, 'gw'));
  }

  /** A gateway with these ids. */
  async named(pn: string, id: string): Promise<TestGateway> {
    return this.#closing(await TestGateway.enrol(this.deployment, pn, id));
  }

  /** Another gateway of the same PN, whose right goes on. */
  beside({ uri }: Pick<TestGateway, 'uri'>): Promise<TestGateway> {
    const [, pn = ''] = /^cpns:\/\/([^.]+)\./.exec(uri) ?? [];
    return this.named(pn, `beside-${++this.#count}`);
  }

  light(gateway: TestGateway): LightGateway {
    return this.#closing(LightGateway.of(this.deployment, gateway));
  }

  /** An admission by a gateway whose keys the suite holds. @param entity E; a new one of its PN without it */
  async admit({ uri }: Pick<TestGateway, 'uri'>, form: KeyForm, entity = this.entityOf(uri)): Promise<Token> {
    const peer = { uri, address: '127.0.0.1:1' };
    const admission = { entity, form, assigner: uri, peer, waitUntilDelivered: false };
    return tokenOf((await this.deployment.operator.admit(admission)).oneTimeString);
  }

  /** A new entity of a gateway's PN. */
  entityOf(gateway: string): string {
    return gateway.replace(/pn-gw\/.*$/, `pne/e${++this.#count}`);
  }

  /** An entity's registration of a key that a gateway gave it: of its 1st seed, or certified by its CA. */
  async registration(gateway: TestGateway, form: 'secret' | 'key-pair'): Promise<RegistrationRequest> {
    const token = await this.admit(gateway, form);
    const { entity } = token;
    if (form === 'key-pair')
      return sealCertificateRegistration(certificateDraft(token, await certificateFor(token, gateway.ca)));
    const { terms, secondSeed, secret } = gateway.deriveKey(entity, '', Date.now() + duration(1, 'hour'));
    const { tokenId } = token;
    return sealSecretRegistration({ terms: { ...terms, tokenId, secondSeed, nonce: freshNonce() }, secret });
  }

  /** How a registration ends that a gateway relays to a replica. */
  async register(request: RegistrationRequest, relay: TestGateway, at: Replica): Promise<string> {
    const wire = new Wire(this.address('cpns-server', at), relay.tls);
    const { registerEntityUserKey } = EntityUserKeyServiceService;
    return reasonOf(wire.call(registerEntityUserKey, { request })).finally(() => wire.close());
  }
}
