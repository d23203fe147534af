/** Where a request for an Entity-User Key, or its registration, can be sent, and what an honest one is made of there. */
import type { Issuer } from '@cpns/certificate-issuance';
import {
  AssignmentRequest,
  EntityUserKeyServiceService,
  PnGatewayServiceService,
  type RegistrationReply,
  type RegistrationRequest,
} from '@cpns/contracts';
import { duration, formatSubject, systemRandom } from '@cpns/core';
import { generateHpkeKeyPair, type KeyForm } from '@cpns/key-derivation';
import { acceptAssignment, prepareAssignment, type AssignedSecret } from '@cpns/pne-sdk';
import { createPrivateKey } from 'node:crypto';
import { credentialOf, issued, opensslCsr, type Credential, type OpensslCsr } from './credentials';
import {
  freshNonce,
  sealAssignment,
  sealSecretRegistration,
  type AssignmentDraft,
  type CertificateRegistrationDraft,
  type SecretRegistrationDraft,
} from './drafts';
import type { Row } from './row';
import type { HeldSeed } from './test-gateway';
import type { AdmitWish, CastWorld, Token } from './world';

/** The path that an entity calls at its gateway. */
export const ASSIGN_METHOD = PnGatewayServiceService.assignEntityUserKey.path;
/** The same at the Server. */
const ENROL = EntityUserKeyServiceService.assignEntityUserKey;

/** A row about Entity-User Keys. */
export type KeyRow = Row<CastWorld>;

/** Who sends at a port: entities to their gateway, a gateway for them, and a gateway that enrols. */
const SENDERS = {
  'gateway token': 'anonymous',
  'gateway certificate': 'target entity',
  'Server certificate': 'PN GW',
  'Server token': 'anonymous',
} as const;
type SenderPort = keyof typeof SENDERS;

export interface Stage {
  /** Goes into the id of a row. */
  readonly name: string;
  readonly at: SenderPort;
  /** What is asked for here when nothing else is said. */
  readonly form: KeyForm;
  /** The path that the MAC is over. */
  readonly method: string;
  /** An admission whose holder asks here. */
  readonly admit: (world: CastWorld, wish: Omit<AdmitWish, 'assigner'>) => Promise<Token>;
  /** E of the gateway that the request names. */
  readonly gatewayOf: (world: CastWorld, token: Token) => string;
  /** @param told the path that the Server is told, where that is data */
  readonly send: (world: CastWorld, request: AssignmentRequest, told?: string) => Promise<unknown>;
}

function stage(name: string, at: SenderPort, admit: Stage['admit'], gatewayOf: Stage['gatewayOf']): Stage {
  const [form, method] =
    at === 'Server token' ? (['key-pair', ENROL.path] as const) : (['secret', ASSIGN_METHOD] as const);
  const send: Stage['send'] = (world, request, told = method) => {
    const wire = world.wire(at, SENDERS[at]);
    return at === 'gateway token' || at === 'gateway certificate'
      ? wire.call(PnGatewayServiceService.assignEntityUserKey, { request })
      : wire.call(ENROL, { request, method: told });
  };
  return { name, at, form, method, admit, gatewayOf, send };
}

const assignedBy =
  (assigner: AdmitWish['assigner']): Stage['admit'] =>
  (world, wish) =>
    world.admit({ ...wish, assigner });
const underTest: Stage['gatewayOf'] = ({ gatewayUri }) => gatewayUri;

/** B.1.2: the gateway assigns. */
export const GATEWAY_ASSIGNS = stage('gateway assigns', 'gateway token', assignedBy('gateway'), underTest);
/** The same by a holder of an older certificate, on the port that asks for one. */
export const BY_CERTIFICATE = stage('gateway assigns', 'gateway certificate', assignedBy('gateway'), underTest);
/** B.1.1: the gateway forwards to the Server. */
export const FORWARDED = stage('forwarded', 'gateway token', assignedBy('server'), underTest);
/** B.1.1 from step 2 on: what a gateway hands to the Server. */
export const RELAYED = stage('relayed', 'Server certificate', assignedBy('server'), ({ probe }) => probe.uri);
/** A PN GW that enrols itself. */
export const ENROLLING = stage(
  'gateway enrols',
  'Server token',
  (world, { lifetime, entity }) => world.admitGateway(lifetime, entity),
  (_world, { entity }) => entity,
);

let sound: OpensslCsr | undefined;
/** A sound CSR of OpenSSL's that asks for no name. */
export const soundCsr = (): OpensslCsr => (sound ??= opensslCsr());

/** What the holder of a token sends when it does nothing wrong. */
export function draftFor(at: Stage, world: CastWorld, token: Token): AssignmentDraft {
  const { tokenId, authKey, entity, user, form } = token;
  const key = form === 'secret' ? generateHpkeKeyPair(systemRandom) : soundCsr();
  const gateway = at.gatewayOf(world, token);
  return { tokenId, authKey, entity, user, form, gateway, key, nonce: freshNonce(), method: at.method };
}

/** An honest request of a token's holder. */
export const requestFor = (at: Stage, world: CastWorld, token: Token): AssignmentRequest =>
  sealAssignment(draftFor(at, world, token));

async function assigned(world: CastWorld, { oneTime }: Token) {
  const pending = await prepareAssignment(oneTime, world.rootDer, systemRandom);
  const reply = await world.ask(AssignmentRequest.decode(pending.request));
  return acceptAssignment(pending, reply, world.now());
}

/** A key pair of one's own, and the certificate that the gateway gives for it or gets from the Server. */
export async function assignCertificate(world: CastWorld, token: Token): Promise<Credential> {
  const made = await assigned(world, token);
  if (made.form !== 'key-pair' || made.privateKey === undefined) throw new Error('a certificate was asked for');
  const key = made.privateKey.expose();
  return credentialOf(made.chain, createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
}

/** A secret from the gateway, or through it from the Server. */
export async function assignSecret(world: CastWorld, token: Token): Promise<AssignedSecret> {
  const made = await assigned(world, token);
  if (made.form !== 'secret') throw new Error('a secret was asked for');
  return made;
}

/** A key of the test's gateway may be registered through any gateway of its PN, or by that gateway directly. */
export const REGISTRATION_PORTS = ['gateway token', 'gateway certificate', 'Server certificate'] as const;
export type RegistrationPort = (typeof REGISTRATION_PORTS)[number];
export const TOKEN_AND_SERVER = ['gateway token', 'Server certificate'] as const satisfies RegistrationPort[];

export function register(
  world: CastWorld,
  at: RegistrationPort,
  request: RegistrationRequest,
): Promise<{ readonly reply: RegistrationReply | undefined }> {
  const service = at === 'Server certificate' ? EntityUserKeyServiceService : PnGatewayServiceService;
  return world.wire(at, SENDERS[at]).call(service.registerEntityUserKey, { request });
}

/** A key that the test's gateway derived for the holder of a token, as its holder registers it. */
export function secretDraft(world: CastWorld, token: Token, held?: HeldSeed): SecretRegistrationDraft {
  const { entity, user, tokenId } = token;
  const { terms, secondSeed, secret } = world.probe.deriveKey(entity, user, world.now() + duration(1, 'hour'), held);
  return { terms: { ...terms, tokenId, secondSeed, nonce: freshNonce() }, secret };
}

/** What an honest holder of an admission by the test's gateway registers. */
export const freshSecretDraft = async (world: CastWorld): Promise<SecretRegistrationDraft> =>
  secretDraft(world, await world.admit({ form: 'secret', assigner: 'probe' }));

/** The same, sealed. */
export const freshRegistration = async (world: CastWorld): Promise<RegistrationRequest> =>
  sealSecretRegistration(await freshSecretDraft(world));

/** A registration of the key that the gateway under test derived, by its holder or by another entity. */
export function registrationOf(
  { entity, user, tokenId }: Token,
  { secret, seed, notAfter }: AssignedSecret,
  gateway: string,
): SecretRegistrationDraft {
  if (seed === undefined) throw new Error('the gateway assigned without a seed');
  return { terms: { ...seed, tokenId, gateway, entity, user, notAfter, nonce: freshNonce() }, secret };
}

/** A certificate for whom a token admits, by an authority that keeps the rules. */
export const certificateFor = ({ entity, user }: Token, issuer: Issuer): Promise<Credential> =>
  issued(issuer, { profile: 'target-entity', uri: formatSubject(entity, user) });

export function certificateDraft(
  { tokenId, entity, user }: Token,
  { chain, privateKey }: Pick<Credential, 'chain' | 'privateKey'>,
): CertificateRegistrationDraft {
  const { privateKey: hpkeKey } = generateHpkeKeyPair(systemRandom);
  return { tokenId, entity, user, chain, privateKey, hpkeKey };
}
