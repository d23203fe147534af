/**
 * The other side of a device, Server and gateway in one, made of the very rules that the services use: it judges, assigns,
 * registers, and answers a repetition to the letter with what it stored.
 */
import {
  createDevelopmentPki,
  issueCertificate,
  parseCertificate,
  verifyChain,
  type Credentials,
  type DevelopmentAuthority,
  type DevelopmentPki,
} from '@cpns/certificate-issuance';
import { asAuthority, issueCredentials } from '@cpns/certificate-issuance/testing';
import {
  AssignmentReply,
  AssignmentRequest,
  RegistrationReply,
  RegistrationRequest,
  assignmentReply,
  checkAssignment,
  checkRegistration,
  registrationReply,
  type CheckedAssignment,
  type CheckedCertificateRegistration,
  type CheckedSecretRegistration,
} from '@cpns/contracts';
import {
  CpnsError,
  EntityUserKey,
  FirstSeed,
  NONCE_BYTES,
  SECRET_BYTES,
  systemRandom,
  TokenSecret,
  type Clock,
  formatSubject,
  serviceUri,
} from '@cpns/core';
import { answerWithCertificate, answerWithSecret, judgeRequest, type GrantedToken } from '@cpns/entity-user-key';
import {
  confirmServerMac,
  deriveConfirmKey,
  deriveEntityUserKey,
  deriveKeyId,
  deriveSecondSeed,
  deriveTokenAuthKey,
  encodeRegistration,
  hpkeKeyStatement,
  keyIdBytes,
  offerPairwise,
  pairwiseStatement,
  requireSignature,
  sha256,
  signBytes,
  verifyConfirmClientMac,
  type KeyForm,
  type OneTimeString,
} from '@cpns/key-derivation';

export const TRUST_DOMAIN = 'example.org';
export const GATEWAY = `cpns://pn1.${TRUST_DOMAIN}/pn-gw/gw1`;
export const ENTITY = `cpns://pn1.${TRUST_DOMAIN}/pne/camera-1`;
export const SERVER = serviceUri(TRUST_DOMAIN, 'cpns-server');
const FIRST_SEED_ID = 'seed-1';
const KEY_LIFE_MS = 30 * 24 * 3_600_000;

export type AssignedBy = 'server' | 'gateway';

export interface Admit {
  readonly form: KeyForm;
  readonly by: AssignedBy;
  readonly entity?: string;
  readonly user?: string;
  readonly endpoint?: string;
  /** The peer of the string: the gateway unless said. */
  readonly peer?: string;
  /** Of the tokens with this id, where a test needs it: one after another otherwise. */
  readonly tokenId?: string;
}

interface Authorities {
  readonly pki: DevelopmentPki;
  readonly gateway: Credentials;
  readonly server: Credentials;
  readonly gatewayCa: DevelopmentAuthority;
}

/** Of the tests of a file, which {@link eachAssigner} makes. */
export let assigner: FakeAssigner;

/** Makes {@link assigner} before the tests of a file: each makes keys and certificates, on machines that do other things besides. */
export function eachAssigner(clock: Clock): void {
  jest.setTimeout(30_000);
  beforeAll(async () => {
    assigner = await FakeAssigner.create(clock);
  });
}

export class FakeAssigner {
  /** Every request as it came, encoded. */
  readonly assignments: Buffer[] = [];
  readonly registrations: Buffer[] = [];
  /** S by E, as the Server has it. */
  readonly keys = new Map<string, EntityUserKey>();
  readonly users = new Map<string, string>();
  readonly #tokens = new Map<string, GrantedToken>();
  readonly #registered = new Map<string, { digest: Buffer; reply: Buffer }>();
  readonly #firstSeed = new FirstSeed(systemRandom.bytes(SECRET_BYTES));
  #admitted = 0;

  private constructor(
    readonly clock: Clock,
    readonly authorities: Authorities,
  ) {}

  static async create(clock: Clock): Promise<FakeAssigner> {
    const pki = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN, clock });
    const server = await pki.issueService('cpns-server', { ipAddresses: ['127.0.0.1'] });
    const context = { clock, random: systemRandom };
    const request = { profile: 'gateway-identity', uri: GATEWAY, ipAddresses: ['127.0.0.1'] } as const;
    const gateway = await issueCredentials(pki.issuingCa, request, context);
    const ca = await issueCredentials(pki.issuingCa, { profile: 'gateway-ca', uri: GATEWAY }, context);
    return new FakeAssigner(clock, { pki, server, gateway, gatewayCa: asAuthority(ca) });
  }

  /** DER */
  get root(): Buffer {
    return this.authorities.pki.root.chain[0]!;
  }

  admit({
    form,
    by,
    entity = ENTITY,
    user = '',
    endpoint = '127.0.0.1:1',
    peer = GATEWAY,
    tokenId,
  }: Admit): OneTimeString {
    const secret = new TokenSecret(systemRandom.bytes(SECRET_BYTES));
    const id = tokenId ?? `token-${++this.#admitted}`;
    this.#tokens.set(id, {
      tokenId: id,
      entity,
      user,
      form,
      assigner: by === 'server' ? SERVER : GATEWAY,
      state: 'open',
      expiresAt: this.clock.now() + 3_600_000,
      authKey: deriveTokenAuthKey(secret),
    });
    return { tokenId: id, secret, rootDigest: sha256(this.root), entity, user, form, peer, endpoint };
  }

  async assign(message: AssignmentRequest | undefined, method: string): Promise<AssignmentReply> {
    const request = checkAssignment(message, method);
    this.assignments.push(Buffer.from(AssignmentRequest.encode(message!).finish()));
    const token = this.#tokens.get(request.enrol.tokenId);
    if (token === undefined) throw new CpnsError('TOKEN_UNKNOWN', 'no such token');
    const judged = { enrol: request.enrol, mac: request.mac, digest: request.digest };
    const stored = judgeRequest(token, judged, token.assigner, this.clock.now());
    const reply = stored ?? Buffer.from(AssignmentReply.encode(await this.answer(token, request)).finish());
    this.#tokens.set(token.tokenId, { ...token, state: 'assigned', spent: { digest: request.digest, reply } });
    return AssignmentReply.decode(reply);
  }

  private async answer(
    token: GrantedToken,
    { enrol, entity, csr, gateway }: CheckedAssignment,
  ): Promise<AssignmentReply> {
    const shown = { credential: { tokenId: token.tokenId }, authKey: token.authKey };
    if (csr !== undefined) {
      const { pki, gatewayCa } = this.authorities;
      const enrols = gateway.uri === entity.uri;
      const entityCa = token.assigner === SERVER ? pki.serverEntityCa : gatewayCa;
      const request = { profile: enrols ? 'gateway-identity' : 'target-entity', key: csr.key } as const;
      const context = { clock: this.clock, random: systemRandom };
      const uri = formatSubject(entity.uri, enrol.user);
      const { issuer } = enrols ? pki.issuingCa : entityCa;
      const { chain } = await issueCertificate(issuer, { ...request, uri }, context);
      return assignmentReply(answerWithCertificate(shown, enrol, chain));
    }
    const notAfter = this.clock.now() + KEY_LIFE_MS;
    if (token.assigner === SERVER) {
      const entityUserKey = new EntityUserKey(systemRandom.bytes(SECRET_BYTES));
      this.know(enrol.entity, enrol.user, entityUserKey);
      const terms = { secrets: { entityUserKey }, notAfter, firstSeedId: '' };
      return assignmentReply(answerWithSecret(shown, enrol, terms, systemRandom));
    }
    const terms = { firstSeedId: FIRST_SEED_ID, gateway: GATEWAY, entity: enrol.entity, user: enrol.user };
    const secondSeed = deriveSecondSeed(this.#firstSeed, systemRandom.bytes(NONCE_BYTES), terms);
    const entityUserKey = deriveEntityUserKey(this.#firstSeed, secondSeed, { ...terms, notAfter });
    const assigned = { secrets: { entityUserKey, secondSeed }, notAfter, firstSeedId: FIRST_SEED_ID };
    return assignmentReply(answerWithSecret(shown, enrol, assigned, systemRandom));
  }

  private know(entity: string, user: string, secret: EntityUserKey): void {
    this.keys.set(entity, secret);
    this.users.set(entity, user);
  }

  register(message: RegistrationRequest | undefined): RegistrationReply {
    const request = checkRegistration(message);
    this.registrations.push(Buffer.from(RegistrationRequest.encode(message!).finish()));
    const earlier = this.#registered.get(request.tokenId);
    if (earlier?.digest.equals(request.digest)) return RegistrationReply.decode(earlier.reply);
    if (earlier !== undefined) throw new CpnsError('TOKEN_SPENT', 'the token registered another key');
    const reply = request.form === 'secret' ? this.registerSecret(request) : this.registerCertificate(request);
    const bytes = Buffer.from(RegistrationReply.encode(reply).finish());
    this.#registered.set(request.tokenId, { digest: request.digest, reply: bytes });
    return reply;
  }

  private registerSecret({ registration, confirmation }: CheckedSecretRegistration): RegistrationReply {
    const secret = deriveEntityUserKey(this.#firstSeed, registration.secondSeed, registration);
    const key = deriveConfirmKey(secret);
    const t1 = encodeRegistration(registration);
    verifyConfirmClientMac(key, t1, confirmation);
    this.know(registration.entity, registration.user, secret);
    const keyId = keyIdBytes(deriveKeyId(secret));
    return registrationReply({ form: 'secret', keyId, confirmation: confirmServerMac(key, t1) });
  }

  private registerCertificate(request: CheckedCertificateRegistration): RegistrationReply {
    const { entity, user, tokenId, chain, hpkeKey, signature } = request;
    const peer = verifyChain({ chain, root: this.root, now: this.clock.now() });
    const certificate = peer.leafDer;
    const statement = hpkeKeyStatement({ entity: entity.uri, tokenId, certificate, hpkeKey });
    requireSignature(parseCertificate(certificate).key.keyObject, statement, signature);
    const { enc, secret } = offerPairwise({ entity: entity.uri, user, certificate }, hpkeKey, systemRandom);
    this.know(entity.uri, user, secret);
    const signed = this.signPairwise({ entity: entity.uri, certificate, hpkeKey, enc });
    return registrationReply({ form: 'key-pair', keyId: keyIdBytes(deriveKeyId(secret)), enc, ...signed });
  }

  /** The Server's statement, or that of whoever a test puts in its place. */
  signPairwise(statement: Parameters<typeof pairwiseStatement>[0], by: Credentials = this.authorities.server) {
    return { signature: signBytes(by.privateKey.keyObject, pairwiseStatement(statement)), chain: by.chain };
  }
}
