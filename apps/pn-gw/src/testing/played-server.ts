/** The CPNS Server as a gateway meets it with Entity-User Keys: it accepts what comes, unless a test says what it refuses. */
import { issueCertificate, parseCsr, type Issuer } from '@cpns/certificate-issuance';
import {
  assignmentReply,
  checkAssignment,
  checkRegistration,
  DeviceCapabilitiesServiceService,
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  ProofServiceService,
  registrationReply,
  type AssignmentRequest,
  type OpenDeliveryChannelResponse,
  type ProvisionGatewayRequest,
  type RegistrationRequest,
} from '@cpns/contracts';
import {
  CpnsError,
  duration,
  EntityUserKey,
  formatSubject,
  SECRET_BYTES,
  serviceUri,
  systemRandom,
  type TokenAuthKey,
} from '@cpns/core';
import type { FakeClock } from '@cpns/core/testing';
import { answerWithCertificate, answerWithSecret } from '@cpns/entity-user-key';
import { generateHpkeKeyPair, keyIdBytes, parseProof } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import type { ServerClients } from '../peers/server-clients';
import { FakeLog } from './fake-log';
import { peerWith } from './unserved';

const KEY_ID_BYTES = 16;
const MAC_BYTES = 32;

export class PlayedServer {
  /** What the gateway is sent over its delivery channel. */
  readonly log = new FakeLog<OpenDeliveryChannelResponse>();
  /** A of the tokens that the Server assigns with, by token-id. */
  readonly authKeys = new Map<string, TokenAuthKey>();
  /** What every call is refused with. */
  refusal: CpnsError | undefined;
  /** Calls for entities that came in: requests for a key, registrations, proofs and reports. */
  asked = 0;
  /** Of the 1st seeds that are asked for. */
  seed = { assignFor: duration(7, 'day'), maxEntities: 1_000 };
  readonly clients: Omit<ServerClients, 'onApplicationShutdown'>;

  constructor(
    private readonly authorities: { readonly issuingCa: Issuer; readonly entityCa: Issuer },
    trustDomain: string,
    private readonly gateway: string,
    private readonly clock: FakeClock,
  ) {
    const answering =
      <Q, A>(answer: (request: Q) => A | Promise<A>) =>
      async (request: Q): Promise<A> => {
        this.asked += 1;
        if (this.refusal !== undefined) throw this.refusal;
        return answer(request);
      };
    this.clients = {
      uri: serviceUri(trustDomain, 'cpns-server'),
      entityUserKey: peerWith(EntityUserKeyServiceService, {
        assignEntityUserKey: answering(({ request, method }) => this.assign(request, method)),
        registerEntityUserKey: answering(({ request }) => this.register(request)),
        provisionGateway: (request) => this.provision(request),
      }),
      proof: peerWith(ProofServiceService, {
        verifyProof: ({ proof }) => this.verify(proof),
      }),
      deviceCapabilities: peerWith(DeviceCapabilitiesServiceService, {
        reportCapabilities: () => Promise.resolve({ recordedAt: BigInt(clock.now()) }),
      }),
      groupKeyDelivery: peerWith(GroupKeyDeliveryServiceService, {
        openDeliveryChannel: () => ({
          end: () => undefined,
          ...this.log.open((entry, sequence) => ({ ...entry, sequence })),
        }),
      }),
    };
  }

  private async assign(message: AssignmentRequest | undefined, method: string) {
    const { enrol, csr } = checkAssignment(message, method);
    const authKey = this.authKeys.get(enrol.tokenId);
    if (authKey === undefined) throw new CpnsError('TOKEN_UNKNOWN', 'the test admitted nothing like it');
    const shown = { credential: { tokenId: enrol.tokenId }, authKey };
    const notAfter = this.clock.now() + duration(1, 'day');
    if (csr === undefined) {
      const secrets = { entityUserKey: new EntityUserKey(randomBytes(SECRET_BYTES)) };
      return {
        reply: assignmentReply(answerWithSecret(shown, enrol, { secrets, notAfter, firstSeedId: '' }, systemRandom)),
      };
    }
    const uri = formatSubject(enrol.entity, enrol.user);
    const { chain } = await issueCertificate(
      this.authorities.entityCa,
      { profile: 'target-entity', uri, key: csr.key, notAfter },
      { clock: this.clock, random: systemRandom },
    );
    return { reply: assignmentReply(answerWithCertificate(shown, enrol, chain)) };
  }

  private register(message: RegistrationRequest | undefined) {
    const { form } = checkRegistration(message);
    const keyId = randomBytes(KEY_ID_BYTES);
    if (form === 'secret') return { reply: registrationReply({ form, keyId, confirmation: randomBytes(MAC_BYTES) }) };
    const { publicKey: enc } = generateHpkeKeyPair(systemRandom);
    return {
      reply: registrationReply({
        form,
        keyId,
        enc,
        signature: randomBytes(70),
        chain: this.authorities.entityCa.chain,
      }),
    };
  }

  private async provision({ information }: ProvisionGatewayRequest) {
    if (this.refusal !== undefined) throw this.refusal;
    if (information?.$case === 'caCsr') {
      const request = { profile: 'gateway-ca', uri: this.gateway, key: parseCsr(information.value).key } as const;
      const { chain } = await issueCertificate(this.authorities.issuingCa, request, {
        clock: this.clock,
        random: systemRandom,
      });
      return { information: { $case: 'ca' as const, value: { chain: [...chain] } } };
    }
    const assignUntil = this.clock.now() + this.seed.assignFor;
    const value = {
      firstSeedId: randomBytes(12).toString('hex'),
      firstSeed: randomBytes(SECRET_BYTES),
      assignUntil: BigInt(assignUntil),
      registerUntil: BigInt(assignUntil + duration(30, 'day')),
      maxEntities: this.seed.maxEntities,
    };
    return { information: { $case: 'firstSeed' as const, value } };
  }

  private verify(bytes: Buffer) {
    this.asked += 1;
    const { entity, keyId, timeMs } = parseProof(bytes);
    const { refusal } = this;
    if (refusal === undefined) return Promise.resolve({ entity, user: '', keyId: keyIdBytes(keyId) });
    const now = this.clock.now();
    const metadata = { verifier_time_ms: String(now), difference_ms: String(timeMs - now) };
    const told = refusal.reason === 'PROOF_OUTSIDE_WINDOW' ? { metadata } : {};
    return Promise.reject(new CpnsError(refusal.reason, refusal.message, told));
  }
}
