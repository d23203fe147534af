/** Second seeds, live keys and tokens that are over, at the Server (EUK-GW-VERIFY). */
import type { RegistrationRequest } from '@cpns/contracts';
import { SecondSeed } from '@cpns/core';
import { flipped, freshNonce, sealSecretRegistration } from '../../support/drafts';
import { row, type Expectation, type Item, type Row } from '../row';
import type { Token, World } from '../world';
import { assignSecret } from './assignment-stage';
import {
  freshSecretDraft,
  register,
  REGISTRATION_PORTS,
  secretDraft,
  secretRegistrationRows,
  type AlteredRegistration,
  type RegistrationPort,
} from './registration-stage';

const failed = (reason: Expectation['reason']): Expectation => ({ code: 'FAILED_PRECONDITION', reason });
const denied = (reason: Expectation['reason']): Expectation => ({ code: 'PERMISSION_DENIED', reason });
const MAC: Expectation = { code: 'UNAUTHENTICATED', reason: 'CONFIRMATION_MAC' };

/** T1 that says something else than what S was derived from. */
const ALTERED_TERMS: readonly AlteredRegistration[] = [
  {
    id: 'second seed with one bit changed',
    item: 'a wrong second seed',
    clause: '5.3.1.12.5.2 b',
    terms: ({ secondSeed }) => ({ secondSeed: new SecondSeed(flipped(secondSeed.expose())) }),
    expect: MAC,
  },
  {
    id: 'second seed of another entity',
    item: 'a wrong second seed',
    clause: '5.3.1.12.5.2 b',
    terms: (terms, { probe }) => ({
      secondSeed: probe.deriveKey(`${terms.entity}x`, terms.user, terms.notAfter).secondSeed,
    }),
    expect: MAC,
  },
  {
    id: 'later not-after than assigned',
    item: 'a wrong second seed',
    clause: 'protocol, Registration',
    terms: ({ notAfter }) => ({ notAfter: notAfter + 1 }),
    expect: MAC,
  },
  {
    id: 'first-seed-id that was never given',
    item: 'a first seed that is unknown',
    clause: 'Q8',
    terms: () => ({ firstSeedId: 'never-given' }),
    expect: failed('FIRST_SEED_UNKNOWN'),
  },
  {
    id: 'first seed of a gateway of another PN',
    item: 'a first seed of another PN',
    clause: 'protocol, Entity-User Key',
    terms: (_terms, { other }) => ({ firstSeedId: other.seed.firstSeedId }),
    expect: failed('FIRST_SEED_UNKNOWN'),
  },
  {
    id: 'gateway of another PN with its first seed',
    item: 'a first seed of another PN',
    clause: 'protocol, Entity-User Key',
    terms: (_terms, { other }) => ({ firstSeedId: other.seed.firstSeedId, gateway: other.uri }),
    expect: denied('PN_MISMATCH'),
  },
  {
    id: 'token of another entity',
    item: 'a token for another entity',
    clause: 'EUK-ASSOC',
    terms: (_terms, world) => ({ entity: world.entity() }),
    expect: denied('TOKEN_OTHER_ENTITY'),
  },
  {
    id: 'token without the user that registers',
    item: 'a token for another user',
    clause: 'EUK-ASSOC',
    terms: () => ({ user: 'mallory' }),
    expect: denied('TOKEN_OTHER_ENTITY'),
  },
  {
    id: 'token-id of no admission',
    item: 'a token that is unknown',
    clause: 'protocol, Registration',
    terms: () => ({ tokenId: '0'.repeat(32) }),
    expect: { code: 'UNAUTHENTICATED', reason: 'TOKEN_UNKNOWN' },
  },
  {
    id: 'another gateway named as assigner',
    item: 'a token for the other assigner',
    clause: 'protocol, Registration',
    terms: (_terms, { gatewayUri }) => ({ gateway: gatewayUri }),
    expect: denied('TOKEN_OTHER_ASSIGNER'),
  },
];

interface Again {
  readonly world: World;
  readonly unaltered: RegistrationRequest;
  readonly altered: RegistrationRequest;
  readonly end: () => Promise<unknown>;
}

interface TokenEnds {
  readonly id: string;
  readonly item: Item;
  readonly reason: 'TOKEN_SPENT' | 'TOKEN_REVOKED' | 'KEY_REVOKED';
  readonly again: 'same message' | 'new message';
  readonly end: (world: World, token: Token) => Promise<unknown>;
}

const TOKEN_ENDS: readonly TokenEnds[] = [
  {
    id: 'another key under a token that registered one',
    item: 'a spent token registering again',
    reason: 'TOKEN_SPENT',
    again: 'new message',
    end: () => Promise.resolve(),
  },
  {
    id: 'registration repeated after its key was revoked',
    item: 'a spent token registering again',
    reason: 'KEY_REVOKED',
    again: 'same message',
    end: ({ deployment }, { entity }) => deployment.operator.revokeKey(entity),
  },
  {
    id: 'registration repeated after its token was revoked',
    item: 'a revoked token registering again',
    reason: 'TOKEN_REVOKED',
    again: 'same message',
    end: ({ deployment }, { entity, tokenId }) => deployment.operator.revokeAdmission(entity, tokenId),
  },
  {
    id: 'another key under a token that was revoked',
    item: 'a revoked token registering again',
    reason: 'TOKEN_REVOKED',
    again: 'new message',
    end: ({ deployment }, { entity, tokenId }) => deployment.operator.revokeAdmission(entity, tokenId),
  },
];

const againRow = ({ id, item, reason, again, end }: TokenEnds, at: RegistrationPort): Row =>
  row<Again>({
    id: `${id} (registration)`,
    item,
    clause: 'protocol, Registration',
    at,
    expect: failed(reason),
    arrange: async (world) => {
      const token = await world.admit({ form: 'secret', assigner: 'probe' });
      const unaltered = sealSecretRegistration(secretDraft(world, token));
      const altered = again === 'same message' ? unaltered : sealSecretRegistration(secretDraft(world, token));
      return { world, unaltered, altered, end: () => end(world, token) };
    },
    good: async ({ world, unaltered, end }) => {
      await register(world, at, unaltered);
      await end();
    },
    bad: ({ world, altered }) => register(world, at, altered),
  });

/** A token that lay about: the device has a younger key when it is used. */
function overLiveKey(younger: 'registered' | 'assigned by the Server', at: RegistrationPort): Row {
  return row<Again>({
    id: `registration with an older token than that of the live key, ${younger}`,
    item: 'a registration over a live key',
    clause: 'protocol, Registration',
    at,
    expect: failed('LIVE_KEY'),
    arrange: async (world) => {
      const old = await world.admit({ form: 'secret', assigner: 'probe' });
      const wish = { form: 'secret', entity: old.entity } as const;
      const assigner = younger === 'registered' ? 'probe' : 'server';
      const token = await world.admit({ ...wish, assigner });
      const altered = sealSecretRegistration(secretDraft(world, old));
      if (younger === 'registered')
        return {
          world,
          unaltered: sealSecretRegistration(secretDraft(world, token)),
          altered,
          end: () => Promise.resolve(),
        };
      await assignSecret(world, token);
      // the 1st seed has not seen this entity: a refusal must not count it
      return {
        world,
        unaltered: sealSecretRegistration(await freshSecretDraft(world)),
        altered,
        end: () => Promise.resolve(),
      };
    },
    good: ({ world, unaltered }) => register(world, at, unaltered),
    bad: ({ world, altered }) => register(world, at, altered),
  });
}

/** The Server assigned nothing that a gateway may register in its place. */
const serverToken = (at: RegistrationPort): Row =>
  row<Again>({
    id: 'token of the Server with a key that a gateway derived',
    item: 'a token for the other assigner',
    clause: 'protocol, Registration',
    at,
    expect: denied('TOKEN_OTHER_ASSIGNER'),
    arrange: async (world) => {
      const token = await world.admit({ form: 'secret', assigner: 'server' });
      return {
        world,
        unaltered: sealSecretRegistration(await freshSecretDraft(world)),
        altered: sealSecretRegistration(secretDraft(world, token)),
        end: () => assignSecret(world, token),
      };
    },
    good: ({ world, unaltered }) => register(world, at, unaltered),
    bad: ({ world, altered }) => register(world, at, altered),
    after: ({ end }) => end(),
  });

/** What the running gateway itself derived, altered on its way. */
const fromRunningGateway = (at: RegistrationPort): Row =>
  row<Again>({
    id: 'second seed of the running gateway with one bit changed',
    item: 'a wrong second seed',
    clause: 'EUK-GW-S step 6',
    at,
    expect: MAC,
    arrange: async (world) => {
      const make = async (change: (seed: Buffer) => Buffer) => {
        const token = await world.admit({ form: 'secret', assigner: 'gateway' });
        const { seed, secret, notAfter } = await assignSecret(world, token);
        if (seed === undefined) throw new Error('the gateway assigned without a seed');
        const { firstSeedId, secondSeed } = seed;
        const { entity, user, tokenId } = token;
        const common = { tokenId, firstSeedId, gateway: world.gatewayUri, entity, user, notAfter, nonce: freshNonce() };
        const t1 = (bytes: Buffer) =>
          sealSecretRegistration({ terms: { ...common, secondSeed: new SecondSeed(bytes) }, secret });
        return { honest: t1(secondSeed.expose()), changed: t1(change(secondSeed.expose())) };
      };
      const [first, second] = [await make(flipped), await make(flipped)];
      const end = () => register(world, at, second.honest);
      return { world, unaltered: first.honest, altered: second.changed, end };
    },
    good: ({ world, unaltered }) => register(world, at, unaltered),
    bad: ({ world, altered }) => register(world, at, altered),
    after: ({ end }) => end(),
  });

export const REGISTRATION_ROWS: readonly Row[] = [
  ...secretRegistrationRows(ALTERED_TERMS, REGISTRATION_PORTS),
  ...(['gateway token', 'Server certificate'] as const).flatMap((at) => [
    ...TOKEN_ENDS.map((spec) => againRow(spec, at)),
    overLiveKey('registered', at),
    overLiveKey('assigned by the Server', at),
    serverToken(at),
  ]),
  fromRunningGateway('gateway token'),
  fromRunningGateway('gateway certificate'),
];
