/** Entities with a registered key, whose S the test has, and the proofs that they make. */
import {
  checkRegistrationReply,
  KeyStorage,
  LinkSecurity,
  PnGatewayServiceReportCapabilitiesRequest,
  PnGatewayServiceService,
} from '@cpns/contracts';
import { serviceUri, type EntityUserKey } from '@cpns/core';
import { METADATA } from '@cpns/grpc';
import { acceptPairwise, deriveConfirmKey, deriveKeyId, sha256 } from '@cpns/key-derivation';
import { freshNonce, sealCertificateRegistration, sealProof, sealSecretRegistration, type ProofDraft } from './drafts';
import { assignCertificate, assignSecret, certificateDraft, register, registrationOf } from './stages';
import type { WireTls } from './wire';
import type { AdmitWish, CastWorld, Token } from './world';

const { reportCapabilities, joinServiceGroup } = PnGatewayServiceService;

/** A device that has a live key. */
export interface Holder {
  readonly entity: string;
  /** S */
  readonly secret: EntityUserKey;
}

/** Of a key that the Server assigned, or one that the gateway did and the Server knows. */
export async function secretHolder(
  world: CastWorld,
  assigner: 'server' | 'gateway' = 'server',
  wish: Partial<AdmitWish> = {},
): Promise<Holder> {
  const { holder, registered } = await assignedHolder(world, assigner, wish);
  if (assigner === 'gateway') await registered();
  return holder;
}

/** The same before the Server knows a key that the gateway assigned. */
export async function assignedHolder(
  world: CastWorld,
  assigner: 'server' | 'gateway',
  wish: Partial<AdmitWish> = {},
): Promise<{ token: Token; holder: Holder; registered: () => Promise<unknown> }> {
  const token = await world.admit({ ...wish, form: 'secret', assigner });
  const assigned = await assignSecret(world, token);
  const registered = () =>
    register(world, 'gateway token', sealSecretRegistration(registrationOf(token, assigned, world.gatewayUri)));
  return { token, holder: { entity: token.entity, secret: assigned.secret }, registered };
}

/** Of a certificate that the Server knows, as it shows itself at its gateway. */
export async function certificateHolder(
  world: CastWorld,
  wish: Partial<AdmitWish> = {},
  at: 'gateway token' | 'Server certificate' = 'gateway token',
): Promise<Holder & { readonly tls: WireTls }> {
  const token = await world.admit({ assigner: 'gateway', ...wish, form: 'key-pair' });
  const credential = await assignCertificate(world, token);
  const draft = certificateDraft(token, credential);
  const reply = checkRegistrationReply((await register(world, at, sealCertificateRegistration(draft))).reply);
  if (reply.form !== 'key-pair') throw new Error('a certificate was registered');
  const { entity, user } = token;
  const certificate = credential.chain[0]!;
  return {
    entity,
    secret: acceptPairwise({ entity, user, certificate }, draft.hpkeKey, reply.enc),
    tls: credential.tls,
  };
}

/** What a proof is made for. */
export interface Proven {
  readonly audience: string;
  readonly method: { readonly path: string };
  readonly body: Buffer;
}

/** Time of the last proof, Unix milliseconds. */
const lastMs = new WeakMap<CastWorld, number>();

/** A proof that is good when it is made: a service takes those of one entity in the order of their times. */
export function proofDraft(
  world: CastWorld,
  { entity, secret }: Holder,
  { audience, method, body }: Proven,
): ProofDraft {
  const timeMs = Math.max(world.now(), (lastMs.get(world) ?? 0) + 1);
  lastMs.set(world, timeMs);
  return {
    confirmKey: deriveConfirmKey(secret),
    keyId: deriveKeyId(secret),
    entity,
    audience,
    method: method.path,
    timeMs,
    nonce: freshNonce(),
    requestDigest: sha256(body),
  };
}

const smfUri = ({ trustDomain }: CastWorld) => serviceUri(trustDomain, 'smf');

/** What an entity asks of a service through its gateway. */
export interface Asked extends Pick<Proven, 'method' | 'body'> {
  readonly audience: (world: CastWorld) => string;
}

const bodyOf = (softwareVersion: string): Buffer =>
  Buffer.from(PnGatewayServiceReportCapabilitiesRequest.encode(capabilities(softwareVersion)).finish());
const capabilities = (softwareVersion: string) => ({
  capabilities: {
    linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
    keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
    softwareVersion,
  },
});
export const CAPABILITIES = capabilities('1.0.0');
/** GK-SECLEVEL, which the Server decides on. */
export const REPORTING: Asked = {
  method: reportCapabilities,
  body: bodyOf('1.0.0'),
  audience: (world) => world.serverUri,
};
/** The same call with another message. */
export const OTHER_REPORT = bodyOf('9.9.9');
/** SMF-GW, which the SMF decides on. */
export const joining = (groupId: string): Asked => ({
  method: joinServiceGroup,
  body: Buffer.from(joinServiceGroup.requestSerialize({ groupId })),
  audience: smfUri,
});

/** The draft of an entity's own proof. */
export const ownDraft = (world: CastWorld, holder: Holder, { audience, ...call }: Asked): ProofDraft =>
  proofDraft(world, holder, { ...call, audience: audience(world) });

/** The entity's own proof as metadata. */
export const withOwnProof = (world: CastWorld, holder: Holder, asked: Asked): Record<string, Buffer> => ({
  [METADATA.entityProof]: sealProof(ownDraft(world, holder, asked)),
});
