/** Where an Entity-User Key is registered (EUK-GW-VERIFY), and what an honest registration is made of. */
import type { Issuer } from '@cpns/certificate-issuance';
import { EntityUserKeyServiceService, PnGatewayServiceService, type RegistrationRequest } from '@cpns/contracts';
import { duration, systemRandom, formatSubject } from '@cpns/core';
import { type Registration, generateHpkeKeyPair } from '@cpns/key-derivation';
import { issued, type Credential } from '../../support/credentials';
import {
  freshNonce,
  sealCertificateRegistration,
  sealSecretRegistration,
  type CertificateRegistrationDraft,
  type SecretRegistrationDraft,
} from '../../support/drafts';
import type { HeldSeed } from '../../support/test-gateway';
import { row, type Expectation, type Item, type Row } from '../row';
import type { Port, Token, World } from '../world';

/** A key of the suite's own gateway may be registered through any gateway of its PN, or by that gateway directly. */
export const REGISTRATION_PORTS = [
  'gateway token',
  'gateway certificate',
  'Server certificate',
] as const satisfies Port[];
export type RegistrationPort = (typeof REGISTRATION_PORTS)[number];

export function register(world: World, at: RegistrationPort, request: RegistrationRequest): Promise<unknown> {
  if (at === 'Server certificate')
    return world.wire(at, 'PN GW').call(EntityUserKeyServiceService.registerEntityUserKey, { request });
  const caller = at === 'gateway token' ? 'anonymous' : 'target entity';
  return world.wire(at, caller).call(PnGatewayServiceService.registerEntityUserKey, { request });
}

const LIFE_MS = duration(1, 'hour');

/** A key that the suite's gateway derived for the holder of a token, as its holder registers it. */
export function secretDraft(world: World, token: Token, held?: HeldSeed, life = LIFE_MS): SecretRegistrationDraft {
  const { entity, user, tokenId } = token;
  const { terms, secondSeed, secret } = world.probe.deriveKey(entity, user, Date.now() + life, held);
  return { terms: { ...terms, tokenId, secondSeed, nonce: freshNonce() }, secret };
}

/** A registration of an honest holder of an admission by the suite's gateway. */
export async function freshSecretDraft(world: World): Promise<SecretRegistrationDraft> {
  return secretDraft(world, await world.admit({ form: 'secret', assigner: 'probe' }));
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

export interface AlteredRegistration {
  readonly id: string;
  readonly item: Item;
  readonly clause: string;
  /** Changes T1; whoever holds S confirms the change. */
  readonly terms: (terms: Registration, world: World) => Partial<Registration>;
  readonly expect: Expectation;
}

interface Pair {
  readonly world: World;
  readonly unaltered: RegistrationRequest;
  readonly altered: RegistrationRequest;
  readonly twin: RegistrationRequest;
}

/** Two keys alike: one is registered as it is, the registration of the other is altered, and good again afterwards. */
export const secretRegistrationRows = (
  specs: readonly AlteredRegistration[],
  ports: readonly RegistrationPort[] = ['gateway token', 'Server certificate'],
): Row[] =>
  specs.flatMap(({ id, item, clause, expect, terms }) =>
    ports.map((at) =>
      row<Pair>({
        id: `${id} (registration)`,
        item,
        clause,
        at,
        expect,
        arrange: async (world) => {
          const [first, second] = await Promise.all([freshSecretDraft(world), freshSecretDraft(world)]);
          const altered = { ...second, terms: { ...second.terms, ...terms(second.terms, world) } };
          return {
            world,
            unaltered: sealSecretRegistration(first),
            altered: sealSecretRegistration(altered),
            twin: sealSecretRegistration(second),
          };
        },
        good: ({ world, unaltered }) => register(world, at, unaltered),
        bad: ({ world, altered }) => register(world, at, altered),
        after: ({ world, twin }) => register(world, at, twin),
      }),
    ),
  );

/** The same for certificates: what is altered is the draft as a whole, or the message under its signature. */
export interface AlteredCertificate {
  readonly id: string;
  readonly item: Item;
  readonly clause: string;
  readonly user?: string;
  /** The altered one, from what its holder would send. */
  readonly draft: (
    draft: CertificateRegistrationDraft,
    world: World,
  ) => CertificateRegistrationDraft | Promise<CertificateRegistrationDraft>;
  readonly expect: Expectation;
}

export const certificateRegistrationRows = (
  specs: readonly AlteredCertificate[],
  ports: readonly RegistrationPort[] = ['gateway token', 'Server certificate'],
): Row[] =>
  specs.flatMap(({ id, item, clause, expect, draft, user = '' }) =>
    ports.map((at) =>
      row<Pair>({
        id: `${id} (registration)`,
        item,
        clause,
        at,
        expect,
        arrange: async (world) => {
          const make = async () => {
            const token = await world.admit({ form: 'key-pair', assigner: 'probe', user });
            return certificateDraft(token, await certificateFor(token, world.probe.ca));
          };
          const [first, second] = await Promise.all([make(), make()]);
          return {
            world,
            unaltered: sealCertificateRegistration(first),
            altered: sealCertificateRegistration(await draft(second, world)),
            twin: sealCertificateRegistration(second),
          };
        },
        good: ({ world, unaltered }) => register(world, at, unaltered),
        bad: ({ world, altered }) => register(world, at, altered),
        after: ({ world, twin }) => register(world, at, twin),
      }),
    ),
  );

/** The same holder, with another certificate of its issuer and the key that goes with it. */
export const instead = (
  draft: CertificateRegistrationDraft,
  { chain, privateKey }: Pick<Credential, 'chain' | 'privateKey'>,
) => ({
  ...draft,
  chain,
  privateKey,
});
