/** Where a request for an Entity-User Key, or its registration, can be sent, and what an honest one is made of there. */
import type { Issuer } from '@cpns/certificate-issuance';
import {
  AssignmentRequest,
  EntityUserKeyServiceService,
  PnGatewayServiceService,
  type RegistrationRequest,
} from '@cpns/contracts';
import { duration, formatSubject, systemRandom } from '@cpns/core';
import { generateHpkeKeyPair, type KeyForm } from '@cpns/key-derivation';
import { acceptAssignment, prepareAssignment, type AssignedSecret } from '@cpns/pne-sdk';
import { createPrivateKey } from 'node:crypto';
import { issued, type Credential } from './credentials';
import { opensslCsr, type OpensslCsr } from './csrs';
import {
  freshNonce,
  hpkeKey,
  sealAssignment,
  sealCertificateRegistration,
  sealSecretRegistration,
  type AssignmentDraft,
  type CertificateRegistrationDraft,
  type SecretRegistrationDraft,
} from './drafts';
import { row, type Row } from './row';
import type { HeldSeed } from './test-gateway';
import type { AdmitWish, Assigner, KeyWorld, Port, Token } from './world';

/** The path that an entity calls at its gateway. */
export const ASSIGN_METHOD = PnGatewayServiceService.assignEntityUserKey.path;
const ENROL_METHOD = EntityUserKeyServiceService.assignEntityUserKey.path;

/** A row about Entity-User Keys. */
export type KeyRow = Row<KeyWorld>;

export interface Stage {
  /** Goes into the id of a row. */
  readonly name: string;
  readonly at: Port;
  /** Forms that can be asked for here. */
  readonly forms: readonly KeyForm[];
  /** An admission whose holder asks here. */
  readonly admit: (world: KeyWorld, wish: Omit<AdmitWish, 'assigner'>) => Promise<Token>;
  /** E of the gateway that the request names. */
  readonly gatewayOf: (world: KeyWorld, token: Token) => string;
  /** The path that the MAC is over. */
  readonly method: string;
  readonly send: (
    world: KeyWorld,
    request: AssignmentRequest,
    method?: string,
    deadlineMs?: number,
  ) => Promise<unknown>;
}

const within = (deadlineMs: number | undefined) => (deadlineMs === undefined ? {} : { deadlineMs });

const throughGateway = (name: string, at: Port, assigner: Assigner): Stage => ({
  name,
  at,
  forms: ['secret', 'key-pair'],
  admit: (world, wish) => world.admit({ ...wish, assigner }),
  gatewayOf: (world) => world.gatewayUri,
  method: ASSIGN_METHOD,
  send: (world, request, _method, deadlineMs) =>
    world
      .wire(at, at === 'gateway certificate' ? 'target entity' : 'anonymous')
      .call(PnGatewayServiceService.assignEntityUserKey, { request }, within(deadlineMs)),
});

/** B.1.2: the gateway assigns. */
export const GATEWAY_ASSIGNS = throughGateway('gateway assigns', 'gateway token', 'gateway');
/** The same by a holder of an older certificate, on the port that asks for one. */
export const GATEWAY_ASSIGNS_CERTIFICATE = throughGateway('gateway assigns', 'gateway certificate', 'gateway');
/** B.1.1: the gateway forwards to the Server. */
export const FORWARDED = throughGateway('forwarded', 'gateway token', 'server');
/** B.1.1 from step 2 on: what a gateway hands to the Server. */
export const RELAYED: Stage = {
  name: 'relayed',
  at: 'Server certificate',
  forms: ['secret', 'key-pair'],
  admit: (world, wish) => world.admit({ ...wish, assigner: 'server' }),
  gatewayOf: (world) => world.probe.uri,
  method: ASSIGN_METHOD,
  send: (world, request, method = ASSIGN_METHOD, deadlineMs) =>
    world
      .wire('Server certificate', 'PN GW')
      .call(EntityUserKeyServiceService.assignEntityUserKey, { request, method }, within(deadlineMs)),
};
/** A PN GW that enrols itself. */
export const ENROLLING: Stage = {
  name: 'gateway enrols',
  at: 'Server token',
  forms: ['key-pair'],
  admit: (world, { lifetime, entity }) => world.admitGateway(lifetime, entity),
  gatewayOf: (_world, token) => token.entity,
  method: ENROL_METHOD,
  send: (world, request, method = ENROL_METHOD, deadlineMs) =>
    world
      .wire('Server token')
      .call(EntityUserKeyServiceService.assignEntityUserKey, { request, method }, within(deadlineMs)),
};

let sound: OpensslCsr | undefined;
/** A sound CSR of OpenSSL's that asks for no name. */
export const soundCsr = (): OpensslCsr => (sound ??= opensslCsr());

/** What the holder of a token sends when it does nothing wrong. */
export function draftFor(stage: Stage, world: KeyWorld, token: Token): AssignmentDraft {
  const { tokenId, authKey, entity, user, form } = token;
  const key = form === 'secret' ? hpkeKey() : soundCsr();
  const gateway = stage.gatewayOf(world, token);
  return { tokenId, authKey, entity, user, form, gateway, key, nonce: freshNonce(), method: stage.method };
}

/** An honest request of a token's holder. */
export const requestFor = (stage: Stage, world: KeyWorld, token: Token): AssignmentRequest =>
  sealAssignment(draftFor(stage, world, token));

async function assigned(world: KeyWorld, { oneTime }: Token) {
  const pending = await prepareAssignment(oneTime, world.rootDer, systemRandom);
  const reply = await world.ask(AssignmentRequest.decode(pending.request));
  return acceptAssignment(pending, reply, world.now());
}

/** A key pair of one's own, and the certificate that the gateway gives for it or gets from the Server. */
export async function assignCertificate(
  world: KeyWorld,
  token: Token,
): Promise<Pick<Credential, 'chain' | 'privateKey'>> {
  const made = await assigned(world, token);
  if (made.form !== 'key-pair' || made.privateKey === undefined) throw new Error('a certificate was asked for');
  const key = made.privateKey.expose();
  return { chain: made.chain, privateKey: createPrivateKey({ key, format: 'der', type: 'pkcs8' }) };
}

/** A secret from the gateway, or through it from the Server. */
export async function assignSecret(world: KeyWorld, token: Token): Promise<AssignedSecret> {
  const made = await assigned(world, token);
  if (made.form !== 'secret') throw new Error('a secret was asked for');
  return made;
}

/** A key of the test's gateway may be registered through any gateway of its PN, or by that gateway directly. */
export const REGISTRATION_PORTS = ['gateway token', 'gateway certificate', 'Server certificate'] as const;
export type RegistrationPort = (typeof REGISTRATION_PORTS)[number];
export const TOKEN_AND_SERVER = ['gateway token', 'Server certificate'] as const satisfies RegistrationPort[];

export function register(
  world: KeyWorld,
  at: RegistrationPort,
  request: RegistrationRequest,
  deadlineMs?: number,
): Promise<unknown> {
  const options = within(deadlineMs);
  if (at === 'Server certificate')
    return world.wire(at, 'PN GW').call(EntityUserKeyServiceService.registerEntityUserKey, { request }, options);
  const caller = at === 'gateway token' ? 'anonymous' : 'target entity';
  return world.wire(at, caller).call(PnGatewayServiceService.registerEntityUserKey, { request }, options);
}

/** A key that the test's gateway derived for the holder of a token, as its holder registers it. */
export function secretDraft(world: KeyWorld, token: Token, held?: HeldSeed): SecretRegistrationDraft {
  const { entity, user, tokenId } = token;
  const { terms, secondSeed, secret } = world.probe.deriveKey(entity, user, world.now() + duration(1, 'hour'), held);
  return { terms: { ...terms, tokenId, secondSeed, nonce: freshNonce() }, secret };
}

/** What an honest holder of an admission by the test's gateway registers. */
export const freshSecretDraft = async (world: KeyWorld): Promise<SecretRegistrationDraft> =>
  secretDraft(world, await world.admit({ form: 'secret', assigner: 'probe' }));

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

/** What is altered, and what comes of it. */
export interface Altered<D> {
  readonly id: string;
  readonly item: string;
  readonly expect: string;
  /** The altered draft, from what its holder would send; who holds the secrets seals it. */
  readonly draft?: (draft: D, world: KeyWorld) => D | Promise<D>;
}

export interface AlteredAssignment extends Altered<AssignmentDraft> {
  readonly form: KeyForm;
  readonly user?: string;
  /** Changes the message under its MAC, as one on the way may. */
  readonly message?: (request: AssignmentRequest) => AssignmentRequest | Promise<AssignmentRequest>;
  /** The path that is told to the Server, where that is data. */
  readonly method?: string;
}

interface Pair<M> {
  readonly world: KeyWorld;
  readonly unaltered: M;
  readonly altered: M;
  /** The unaltered form of what is altered: good afterwards, since a refused message burns nothing. */
  readonly twin: M;
}

/** Two messages alike: one is sent as it is, the other is altered first, and sent unaltered afterwards. */
function pairRow<M>(
  shown: Pick<KeyRow, 'id' | 'item' | 'expect' | 'at'>,
  arrange: (world: KeyWorld) => Promise<Omit<Pair<M>, 'world'>>,
  send: (world: KeyWorld, message: M) => Promise<unknown>,
  sendAltered = send,
): KeyRow {
  return row<Pair<M>, KeyWorld>({
    ...shown,
    arrange: async (world) => ({ world, ...(await arrange(world)) }),
    good: ({ world, unaltered }) => send(world, unaltered),
    bad: ({ world, altered }) => sendAltered(world, altered),
    after: ({ world, twin }) => send(world, twin),
  });
}

/** Every alteration at every stage that knows its form. */
export const assignmentRows = (stages: readonly Stage[], specs: readonly AlteredAssignment[]): KeyRow[] =>
  specs.flatMap(({ id, item, expect, form, user = '', method, draft, message }) =>
    stages
      .filter(({ forms }) => forms.includes(form))
      .map((stage) =>
        pairRow(
          { id: `${id} (${stage.name})`, item, expect, at: stage.at },
          async (world) => {
            const own = draftFor(stage, world, await stage.admit(world, { form, user }));
            const changed = sealAssignment((await draft?.(own, world)) ?? own);
            return {
              unaltered: requestFor(stage, world, await stage.admit(world, { form, user })),
              altered: (await message?.(changed)) ?? changed,
              twin: sealAssignment(own),
            };
          },
          (world, request) => stage.send(world, request),
          (world, request) => stage.send(world, request, method),
        ),
      ),
  );

const registrationRow = <D>(
  { id, item, expect, draft }: Altered<D>,
  at: RegistrationPort,
  make: (world: KeyWorld) => Promise<D>,
  seal: (draft: D) => RegistrationRequest,
): KeyRow =>
  pairRow(
    { id: `${id} (registration)`, item, expect, at },
    async (world) => {
      const own = await make(world);
      return {
        unaltered: seal(await make(world)),
        altered: seal((await draft?.(own, world)) ?? own),
        twin: seal(own),
      };
    },
    (world, request) => register(world, at, request),
  );

/** Registrations of a secret; what is altered is confirmed by S. */
export const secretRows = (
  specs: readonly Altered<SecretRegistrationDraft>[],
  ports: readonly RegistrationPort[] = REGISTRATION_PORTS,
): KeyRow[] =>
  specs.flatMap((spec) => ports.map((at) => registrationRow(spec, at, freshSecretDraft, sealSecretRegistration)));

/** Registrations of a certificate; what is altered is signed with the key of the draft. */
export const certificateRows = (
  specs: readonly (Altered<CertificateRegistrationDraft> & { readonly user?: string })[],
): KeyRow[] =>
  specs.flatMap(({ user = '', ...spec }) =>
    TOKEN_AND_SERVER.map((at) =>
      registrationRow(
        spec,
        at,
        async (world) => {
          const token = await world.admit({ form: 'key-pair', assigner: 'probe', user });
          return certificateDraft(token, await certificateFor(token, world.probe.ca));
        },
        sealCertificateRegistration,
      ),
    ),
  );
