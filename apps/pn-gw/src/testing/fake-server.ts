/**
 * The CPNS Server as a gateway meets it. With Entity-User Keys it accepts what comes, unless a test says what it refuses; of
 * Group Keys, statements and envelopes are real, and who the members are is what a test says.
 */
import { issueCertificate, parseCsr, type Credentials, type Issuer } from '@cpns/certificate-issuance';
import {
  assignmentReply,
  checkAssignment,
  checkRegistration,
  CredentialState,
  type EntityCredential,
  KeyForm,
  gatewayGroupKeyDelivery,
  registrationReply,
  type AssignmentRequest,
  type CheckedSecretRegistration,
  type GatewayGroupKeyDelivery,
  type GroupKeyDeliveryServicePullGroupKeyRequest,
  type OpenDeliveryChannelResponse,
  type ProvisionGatewayRequest,
  type RegistrationRequest,
} from '@cpns/contracts';
import {
  CpnsError,
  duration,
  EntityUserKey,
  FirstSeed,
  formatSubject,
  GroupKey,
  parseEntityUri,
  SECRET_BYTES,
  serviceUri,
  systemRandom,
  type Clock,
  type TokenAuthKey,
} from '@cpns/core';
import { SeededRandom } from '@cpns/core/testing';
import { answerWithCertificate, answerWithSecret } from '@cpns/entity-user-key';
import { endStatement, makeEnvelope, type Statement } from '@cpns/group-key';
import { forge, testVersion } from '@cpns/group-key/testing';
import {
  deriveEntityUserKey,
  deriveKeyId,
  generateHpkeKeyPair,
  keyIdBytes,
  parseProof,
  sha256,
} from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import type { ServerClients } from '../peers/peer-clients';
import { away, FakeLog, played, SEAL_PERIOD } from './fake-smf';

const KEY_ID_BYTES = 16;
const MAC_BYTES = 32;

/** S of an entity; another one for each epoch. */
export const secretOf = (entity: string, epoch = 0): EntityUserKey =>
  new EntityUserKey(new SeededRandom(`${entity} ${epoch}`).bytes(SECRET_BYTES));
export const keyIdOf = (entity: string, epoch = 0): string => deriveKeyId(secretOf(entity, epoch));

/** What it signs Group Keys with, or assigns Entity-User Keys with. */
interface Parts {
  readonly signer?: Credentials;
  readonly authorities?: { readonly issuingCa: Issuer; readonly entityCa: Issuer };
}

export class FakeServer {
  /** What the gateway is sent over its delivery channel. */
  readonly log = new FakeLog<OpenDeliveryChannelResponse>();
  /** Requests for Group Keys that came in. */
  readonly asked: GroupKeyDeliveryServicePullGroupKeyRequest[] = [];
  /** What is answered to them; an error is thrown. */
  answer: (request: GroupKeyDeliveryServicePullGroupKeyRequest) => GatewayGroupKeyDelivery | Promise<never> = away;
  /** The token that an answer to a page goes with. */
  nextPage: (token: string) => string = () => '';
  /** A of the tokens that the Server assigns with, by token-id. */
  readonly authKeys = new Map<string, TokenAuthKey>();
  /** What every call about Entity-User Keys is refused with. */
  refusal: CpnsError | undefined;
  /** Such calls for entities that came in: requests for a key, registrations and proofs. */
  calls = 0;
  /** Of the 1st seeds that are asked for. */
  seed = { assignFor: duration(7, 'day'), maxEntities: 1_000 };
  /** What it said last of each entity's key. */
  readonly credentials = new Map<string, EntityCredential>();
  readonly #seeds = new Map<string, FirstSeed>();
  readonly clients: Omit<ServerClients, 'onApplicationShutdown'>;

  constructor(
    private readonly gateway: string,
    private readonly clock: Clock,
    private readonly parts: Parts,
  ) {
    const answering =
      <Q, A>(answer: (request: Q) => A | Promise<A>) =>
      async (request: Q): Promise<A> => {
        this.calls += 1;
        if (this.refusal !== undefined) throw this.refusal;
        return answer(request);
      };
    this.clients = {
      uri: serviceUri(parseEntityUri(gateway).trustDomain, 'cpns-server'),
      entityUserKey: played<ServerClients['entityUserKey']>({
        assignEntityUserKey: answering(({ request, method }) => this.assign(request, method)),
        registerEntityUserKey: answering(({ request }) => this.register(request)),
        provisionGateway: (request) => this.provision(request),
      }),
      proof: played<ServerClients['proof']>({ verifyProof: ({ proof }) => this.verify(proof) }),
      deviceCapabilities: played<ServerClients['deviceCapabilities']>({
        reportCapabilities: () => Promise.resolve({ recordedAt: BigInt(clock.now()) }),
      }),
      groupKeyDelivery: played<ServerClients['groupKeyDelivery']>({
        pullGroupKey: async (request) => {
          this.asked.push(request);
          const delivery = await this.answer(request);
          return { delivery, nextPageToken: this.nextPage(request.pageToken) };
        },
        openDeliveryChannel: () => this.log.open(),
      }),
    };
  }

  statement(groupId: string, version: bigint, changes: Partial<Statement> = {}): Statement {
    const now = this.clock.now();
    const edit = { groupId, version, sealUntil: now + SEAL_PERIOD, ...changes };
    return testVersion(now, new SeededRandom(`${groupId} ${version}`), edit).statement;
  }

  /** A Group Key for these members, each under the S of its epoch. */
  delivery(
    statement: Statement,
    members: readonly string[],
    epoch = 0,
    signer = this.parts.signer!,
  ): GatewayGroupKeyDelivery {
    const { groupId, version } = statement;
    const key = new GroupKey(new SeededRandom(`${groupId} ${version}`).bytes(SECRET_BYTES));
    const envelopes = members.map((entity) => {
      const own = makeEnvelope(secretOf(entity, epoch), keyIdOf(entity, epoch), { groupId, version, entity }, key);
      return { entity: parseEntityUri(entity), own };
    });
    const { privateKey, chain } = signer;
    const signed = forge({ key: privateKey.keyObject, chain }, statement);
    return gatewayGroupKeyDelivery({ signed, envelopes, part: 0, more: false });
  }

  keyFor(groupId: string, version: bigint, members: readonly string[], epoch = 0): GatewayGroupKeyDelivery {
    return this.delivery(this.statement(groupId, version), members, epoch);
  }

  endOf(groupId: string, last: bigint): GatewayGroupKeyDelivery {
    return this.delivery(endStatement(groupId, last, this.clock.now()), []);
  }

  private async assign(message: AssignmentRequest | undefined, method: string) {
    const { enrol, csr } = checkAssignment(message, method);
    const authKey = this.authKeys.get(enrol.tokenId);
    if (authKey === undefined) throw new CpnsError('TOKEN_UNKNOWN', 'the test admitted nothing like it');
    const shown = { credential: { tokenId: enrol.tokenId }, authKey };
    const notAfter = this.clock.now() + duration(1, 'day');
    if (csr === undefined) {
      const entityUserKey = new EntityUserKey(randomBytes(SECRET_BYTES));
      const assigned = { secrets: { entityUserKey }, notAfter, firstSeedId: '' };
      const credential = this.credential(enrol, { keyId: keyIdBytes(deriveKeyId(entityUserKey)), notAfter });
      return { reply: assignmentReply(answerWithSecret(shown, enrol, assigned, systemRandom)), credential };
    }
    const wanted = { profile: 'target-entity', uri: formatSubject(enrol.entity, enrol.user), key: csr.key } as const;
    const chain = await this.issue('entityCa', { ...wanted, notAfter });
    return { reply: assignmentReply(answerWithCertificate(shown, enrol, chain)), credential: undefined };
  }

  private register(message: RegistrationRequest | undefined) {
    const request = checkRegistration(message);
    const { form } = request;
    const entity = { entity: request.entity.uri, user: request.user };
    if (form === 'secret') {
      const keyId = this.keyIdOf(request);
      const { notAfter } = request.registration;
      const assigner = { assigner: request.gateway.uri, assignerLife: 1n };
      const credential = this.credential(entity, { keyId, notAfter, ...assigner });
      return { reply: registrationReply({ form, keyId, confirmation: randomBytes(MAC_BYTES) }), credential };
    }
    const keyId = randomBytes(KEY_ID_BYTES);
    const certificateDigest = sha256(request.chain[0]!);
    const notAfter = this.clock.now() + duration(1, 'day');
    const credential = this.credential(entity, { keyId, notAfter, certificateDigest });
    const { publicKey: enc } = generateHpkeKeyPair(systemRandom);
    const { chain } = this.parts.authorities!.entityCa;
    return { reply: registrationReply({ form, keyId, enc, signature: randomBytes(70), chain }), credential };
  }

  /** What the Server says of the live key of an entity from now on. */
  credential(
    { entity, user }: { readonly entity: string; readonly user: string },
    {
      notAfter,
      ...key
    }: { readonly notAfter: number; readonly keyId: Buffer } & Partial<Omit<EntityCredential, 'notAfter'>>,
  ): EntityCredential {
    const isPair = key.certificateDigest !== undefined;
    const credential = {
      entity,
      user,
      revision: (this.credentials.get(entity)?.revision ?? 0n) + 1n,
      life: 1n,
      state: CredentialState.CREDENTIAL_STATE_LIVE,
      form: isPair ? KeyForm.KEY_FORM_KEY_PAIR : KeyForm.KEY_FORM_SECRET,
      certificateDigest: Buffer.alloc(0),
      assigner: this.clients.uri,
      assignerLife: 0n,
      notAfter: BigInt(notAfter),
      ...key,
    };
    this.credentials.set(entity, credential);
    return credential;
  }

  /** The end of an entity's live key, as the Server tells of it. */
  ended(entity: string): EntityCredential {
    return this.stated(entity, CredentialState.CREDENTIAL_STATE_ENDED);
  }

  /** Another state of an entity's key, as the Server tells of it. */
  stated(entity: string, state: CredentialState): EntityCredential {
    const live = this.credentials.get(entity);
    if (live === undefined) throw new Error('the entity has no live key');
    const told = { ...live, revision: live.revision + 1n, state };
    this.credentials.set(entity, told);
    return told;
  }

  /** Of the key that the gateway derived; of one that another gateway did, any. */
  private keyIdOf({ registration }: CheckedSecretRegistration): Buffer {
    const seed = this.#seeds.get(registration.firstSeedId);
    if (seed === undefined) return randomBytes(KEY_ID_BYTES);
    return keyIdBytes(deriveKeyId(deriveEntityUserKey(seed, registration.secondSeed, registration)));
  }

  private async provision({ information }: ProvisionGatewayRequest) {
    if (this.refusal !== undefined) throw this.refusal;
    if (information?.$case === 'caCsr') {
      const { key } = parseCsr(information.value);
      const chain = await this.issue('issuingCa', { profile: 'gateway-ca', uri: this.gateway, key });
      return { information: { $case: 'ca' as const, value: { chain: [...chain] } } };
    }
    const assignUntil = this.clock.now() + this.seed.assignFor;
    const [firstSeedId, firstSeed] = [randomBytes(12).toString('hex'), randomBytes(SECRET_BYTES)];
    this.#seeds.set(firstSeedId, new FirstSeed(firstSeed));
    const value = {
      firstSeedId,
      firstSeed,
      assignUntil: BigInt(assignUntil),
      registerUntil: BigInt(assignUntil + duration(30, 'day')),
      maxEntities: this.seed.maxEntities,
    };
    return { information: { $case: 'firstSeed' as const, value } };
  }

  private async issue(ca: 'issuingCa' | 'entityCa', request: Parameters<typeof issueCertificate>[1]) {
    const context = { clock: this.clock, random: systemRandom };
    return (await issueCertificate(this.parts.authorities![ca], request, context)).chain;
  }

  private verify(bytes: Buffer) {
    this.calls += 1;
    const { entity, keyId, timeMs } = parseProof(bytes);
    const { refusal } = this;
    if (refusal === undefined) return Promise.resolve({ entity, user: '', keyId: keyIdBytes(keyId) });
    const now = this.clock.now();
    const metadata = {
      verifier_time_ms: String(now),
      difference_ms: String(timeMs - now),
      time_mac: randomBytes(MAC_BYTES).toString('hex'),
    };
    const told = refusal.reason === 'PROOF_OUTSIDE_WINDOW' ? { metadata } : {};
    return Promise.reject(new CpnsError(refusal.reason, refusal.message, told));
  }
}
