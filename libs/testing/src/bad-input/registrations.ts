/** Second seeds, 1st seeds (Q8), live keys and tokens that are over, at the Server (EUK-GW-VERIFY; 5.3.1.12.5.2 b). */
import type { RegistrationRequest } from '@cpns/contracts';
import { duration, FirstSeed, SecondSeed } from '@cpns/core';
import type { Registration } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { flipped, sealSecretRegistration, type SecretRegistrationDraft } from './drafts';
import { row, type RowOf } from './row';
import {
  assignSecret,
  freshSecretDraft,
  register,
  registrationOf,
  secretDraft,
  secretRows,
  TOKEN_AND_SERVER,
  type Altered,
  type KeyRow,
  type RegistrationPort,
} from './stages';
import type { HeldSeed } from './test-gateway';
import type { KeyWorld, Token } from './world';

const MAC = 'UNAUTHENTICATED/CONFIRMATION_MAC';
const OTHER_ENTITY = 'PERMISSION_DENIED/TOKEN_OTHER_ENTITY';
const OTHER_ASSIGNER = 'PERMISSION_DENIED/TOKEN_OTHER_ASSIGNER';
const SEED_UNKNOWN = 'FAILED_PRECONDITION/FIRST_SEED_UNKNOWN';

/** T1 that says something else than what S was derived from; the holder of S confirms it. */
const terms = (
  id: string,
  item: string,
  expect: string,
  change: (terms: Registration, world: KeyWorld) => Partial<Registration>,
): Altered<SecretRegistrationDraft> => ({
  id,
  item,
  expect,
  draft: (own, world) => ({ ...own, terms: { ...own.terms, ...change(own.terms, world) } }),
});

const ALTERED_TERMS = [
  terms('second seed with one bit changed', 'a wrong second seed', MAC, ({ secondSeed }) => ({
    secondSeed: new SecondSeed(flipped(secondSeed.expose())),
  })),
  terms('second seed of another entity', 'a wrong second seed', MAC, ({ entity, user, notAfter }, { probe }) => ({
    secondSeed: probe.deriveKey(`${entity}x`, user, notAfter).secondSeed,
  })),
  terms('later not-after than assigned', 'a wrong second seed', MAC, ({ notAfter }) => ({ notAfter: notAfter + 1 })),
  terms('first-seed-id that was never given', 'a first seed that is unknown', SEED_UNKNOWN, () => ({
    firstSeedId: 'never-given',
  })),
  terms('first seed of a gateway of another PN', 'a first seed of another PN', SEED_UNKNOWN, (_terms, { other }) => ({
    firstSeedId: other.seed.firstSeedId,
  })),
  terms(
    'gateway of another PN with its first seed',
    'a first seed of another PN',
    'PERMISSION_DENIED/PN_MISMATCH',
    (_terms, { other }) => ({ firstSeedId: other.seed.firstSeedId, gateway: other.uri }),
  ),
  terms('token of another entity', 'a token for another entity', OTHER_ENTITY, ({ entity }) => ({
    entity: `${entity}x`,
  })),
  terms('token without the user that registers', 'a token for another user', OTHER_ENTITY, () => ({ user: 'mallory' })),
  terms('token-id of no admission', 'a token that is unknown', 'UNAUTHENTICATED/TOKEN_UNKNOWN', () => ({
    tokenId: '0'.repeat(32),
  })),
  terms(
    'another gateway named as assigner',
    'a token for the other assigner',
    OTHER_ASSIGNER,
    (_terms, { gatewayUri }) => ({ gateway: gatewayUri }),
  ),
];

interface Again {
  readonly world: KeyWorld;
  readonly first: RegistrationRequest;
  readonly second: RegistrationRequest;
  /** Runs once the first was accepted. */
  readonly between?: () => Promise<unknown>;
  /** Runs at the end: what the second could have spent is still good. */
  readonly after?: () => Promise<unknown>;
}

/** Two registrations, of which the second is refused. */
const againRow = (
  at: RegistrationPort,
  shown: Pick<RowOf<Again, KeyWorld>, 'id' | 'item' | 'expect'>,
  arrange: (world: KeyWorld) => Promise<Omit<Again, 'world'>>,
): KeyRow =>
  row<Again, KeyWorld>({
    ...shown,
    at,
    arrange: async (world) => ({ world, ...(await arrange(world)) }),
    good: async ({ world, first, between }) => {
      await register(world, at, first);
      await between?.();
    },
    bad: ({ world, second }) => register(world, at, second),
    after: async ({ after }) => after?.(),
  });

type TokenEnd = readonly [
  id: string,
  item: string,
  reason: string,
  isRepeated: boolean,
  end: (world: KeyWorld, token: Token) => Promise<unknown>,
];
const nothing = () => Promise.resolve();
const revokeToken: TokenEnd[4] = ({ operator }, { entity, tokenId }) => operator.revokeAdmission(entity, tokenId);

const TOKEN_ENDS: readonly TokenEnd[] = [
  ['another key under a token that registered one', 'a spent token registering again', 'TOKEN_SPENT', false, nothing],
  [
    'registration repeated after its key was revoked',
    'a spent token registering again',
    'KEY_REVOKED',
    true,
    ({ operator }, { entity }) => operator.revokeKey(entity),
  ],
  [
    'registration repeated after its token was revoked',
    'a revoked token registering again',
    'TOKEN_REVOKED',
    true,
    revokeToken,
  ],
  [
    'another key under a token that was revoked',
    'a revoked token registering again',
    'TOKEN_REVOKED',
    false,
    revokeToken,
  ],
];

const tokenEnds = (at: RegistrationPort): KeyRow[] =>
  TOKEN_ENDS.map(([id, item, reason, isRepeated, end]) =>
    againRow(at, { id: `${id} (registration)`, item, expect: `FAILED_PRECONDITION/${reason}` }, async (world) => {
      const token = await world.admit({ form: 'secret', assigner: 'probe' });
      const first = sealSecretRegistration(secretDraft(world, token));
      const second = isRepeated ? first : sealSecretRegistration(secretDraft(world, token));
      return { first, second, between: () => end(world, token) };
    }),
  );

/** A token that lay about: the device has a younger key when it is used. */
const overLiveKey = (younger: 'registered' | 'assigned by the Server', at: RegistrationPort): KeyRow =>
  againRow(
    at,
    {
      id: `registration with an older token than that of the live key, ${younger}`,
      item: 'a registration over a live key',
      expect: 'FAILED_PRECONDITION/LIVE_KEY',
    },
    async (world) => {
      const old = await world.admit({ form: 'secret', assigner: 'probe' });
      const assigner = younger === 'registered' ? 'probe' : 'server';
      const token = await world.admit({ form: 'secret', entity: old.entity, assigner });
      const second = sealSecretRegistration(secretDraft(world, old));
      if (younger === 'registered') return { first: sealSecretRegistration(secretDraft(world, token)), second };
      await assignSecret(world, token);
      // the 1st seed has not seen this entity: a refusal must not count it
      return { first: sealSecretRegistration(await freshSecretDraft(world)), second };
    },
  );

/** The Server assigned nothing that a gateway may register in its place. */
const serverToken = (at: RegistrationPort): KeyRow =>
  againRow(
    at,
    {
      id: 'token of the Server with a key that a gateway derived',
      item: 'a token for the other assigner',
      expect: OTHER_ASSIGNER,
    },
    async (world) => {
      const token = await world.admit({ form: 'secret', assigner: 'server' });
      return {
        first: sealSecretRegistration(await freshSecretDraft(world)),
        second: sealSecretRegistration(secretDraft(world, token)),
        after: () => assignSecret(world, token),
      };
    },
  );

/** What the gateway under test itself derived, altered on its way (EUK-GW-S step 6). */
const fromRunningGateway = (at: RegistrationPort): KeyRow =>
  againRow(
    at,
    { id: 'second seed of the running gateway with one bit changed', item: 'a wrong second seed', expect: MAC },
    async (world) => {
      const made = async () => {
        const token = await world.admit({ form: 'secret', assigner: 'gateway' });
        return registrationOf(token, await assignSecret(world, token), world.gatewayUri);
      };
      const own = await made();
      const secondSeed = new SecondSeed(flipped(own.terms.secondSeed.expose()));
      return {
        first: sealSecretRegistration(await made()),
        second: sealSecretRegistration({ ...own, terms: { ...own.terms, secondSeed } }),
        after: () => register(world, at, sealSecretRegistration(own)),
      };
    },
  );

interface SeedEnd {
  readonly id: string;
  readonly item: string;
  readonly reason: 'FIRST_SEED_SPENT' | 'FIRST_SEED_EXPIRED' | 'FIRST_SEED_REVOKED';
  readonly maxEntities?: number;
  /** Milliseconds from now. */
  readonly registerFor?: number;
  readonly end?: (world: KeyWorld, firstSeedId: string) => Promise<unknown>;
}

/** The time that one of these 1st seeds lives; over the wire all rows wait at the same time. */
const SHORT_MS = 5_000;

const SEED_ENDS: readonly SeedEnd[] = [
  {
    id: 'first seed that has served as many as it may',
    item: 'a first seed that is spent',
    reason: 'FIRST_SEED_SPENT',
    maxEntities: 1,
  },
  {
    id: 'first seed past register-until',
    item: 'a first seed that is expired',
    reason: 'FIRST_SEED_EXPIRED',
    registerFor: SHORT_MS,
    end: (world) => world.pass(SHORT_MS + 2_000),
  },
  {
    id: 'first seed that an operator revoked',
    item: 'a first seed that is revoked',
    reason: 'FIRST_SEED_REVOKED',
    end: ({ operator, probe }, firstSeedId) => operator.enrolment.revokeFirstSeed({ gateway: probe.uri, firstSeedId }),
  },
];

/** Q2: gives the test's gateway one more 1st seed, with limits of its own. */
async function importSeed(
  world: KeyWorld,
  { maxEntities = 10, registerFor = duration(1, 'hour') }: SeedEnd,
): Promise<HeldSeed> {
  const held = { firstSeedId: `imported-${randomBytes(6).toString('hex')}`, seed: new FirstSeed(randomBytes(32)) };
  const until = BigInt(world.now() + registerFor);
  await world.operator.enrolment.importFirstSeed({
    gateway: world.probe.uri,
    firstSeedId: held.firstSeedId,
    firstSeed: held.seed.expose(),
    assignUntil: until,
    registerUntil: until,
    maxEntities,
  });
  return held;
}

/** Two entities whose keys come from one 1st seed, which ends between their registrations. */
const seedEnds = (at: RegistrationPort): KeyRow[] =>
  SEED_ENDS.map((spec) =>
    againRow(
      at,
      { id: `${spec.id} (registration)`, item: spec.item, expect: `FAILED_PRECONDITION/${spec.reason}` },
      async (world) => {
        const tokens = [
          await world.admit({ form: 'secret', assigner: 'probe' }),
          await world.admit({ form: 'secret', assigner: 'probe' }),
        ];
        const held = await importSeed(world, spec);
        const [first, second] = tokens.map((token) => sealSecretRegistration(secretDraft(world, token, held)));
        return { first: first!, second: second!, between: async () => spec.end?.(world, held.firstSeedId) };
      },
    ),
  );

export const REGISTRATION_ROWS: readonly KeyRow[] = [
  ...secretRows(ALTERED_TERMS),
  ...TOKEN_AND_SERVER.flatMap((at) => [
    ...tokenEnds(at),
    overLiveKey('registered', at),
    overLiveKey('assigned by the Server', at),
    serverToken(at),
    ...seedEnds(at),
  ]),
  fromRunningGateway('gateway token'),
  fromRunningGateway('gateway certificate'),
];
