/** Second seeds, 1st seeds (Q8), live keys and tokens that are over, at the Server (EUK-GW-VERIFY; 5.3.1.12.5.2 b). */
import type { RegistrationRequest } from '@cpns/contracts';
import { duration, EntityUserKey, FirstSeed, SecondSeed, type Reason } from '@cpns/core';
import type { Registration } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { secretRows, type Altered } from './altered';
import { flipped, sealSecretRegistration, type SecretRegistrationDraft } from './drafts';
import { row, type Exchange, type Shown } from './row';
import {
  assignSecret,
  freshRegistration,
  register,
  registrationOf,
  secretDraft,
  TOKEN_AND_SERVER,
  type KeyRow,
  type RegistrationPort,
} from './stages';
import type { HeldSeed } from './test-gateway';
import type { CastWorld, Token } from './world';

const SECOND = 'a wrong second seed';
const OTHER_PN = 'a first seed of another PN';
const ASSIGNER = 'a token for the other assigner';
const OTHER_ASSIGNER = 'TOKEN_OTHER_ASSIGNER';
const OTHER_ENTITY = 'TOKEN_OTHER_ENTITY';
const MAC = 'CONFIRMATION_MAC';
const UNKNOWN = 'FIRST_SEED_UNKNOWN';

type Change = (terms: Registration, world: CastWorld) => Partial<Registration>;
const oneBit: Change = ({ secondSeed }) => ({ secondSeed: new SecondSeed(flipped(secondSeed.expose())) });
const ofOther: Change = ({ entity, user, notAfter }, { probe }) => ({
  secondSeed: probe.deriveKey(`${entity}x`, user, notAfter).secondSeed,
});
const neverGiven: Change = () => ({ firstSeedId: 'never-given' });
const otherSeed: Change = (_terms, { other }) => ({ firstSeedId: other.seed.firstSeedId });
const otherPn: Change = (_terms, { other }) => ({ firstSeedId: other.seed.firstSeedId, gateway: other.uri });
const otherGateway: Change = (_terms, { gatewayUri }) => ({ gateway: gatewayUri });

/** T1 that says something else than what S was derived from; the holder of S confirms it. */
const ALTERED_TERMS: readonly (readonly [...Shown, change: Change])[] = [
  ['second seed with one bit changed', SECOND, MAC, oneBit],
  ['second seed of another entity', SECOND, MAC, ofOther],
  ['later not-after than assigned', SECOND, MAC, ({ notAfter }) => ({ notAfter: notAfter + 1 })],
  ['first-seed-id that was never given', 'a first seed that is unknown', UNKNOWN, neverGiven],
  ['first seed of a gateway of another PN', OTHER_PN, UNKNOWN, otherSeed],
  ['gateway of another PN with its first seed', OTHER_PN, 'PN_MISMATCH', otherPn],
  ['token of another entity', 'a token for another entity', OTHER_ENTITY, (own) => ({ entity: `${own.entity}x` })],
  ['token without the user that registers', 'a token for another user', OTHER_ENTITY, () => ({ user: 'mallory' })],
  ['token-id of no admission', 'a token that is unknown', 'TOKEN_UNKNOWN', () => ({ tokenId: '0'.repeat(32) })],
  ['another gateway named as assigner', ASSIGNER, OTHER_ASSIGNER, otherGateway],
];
const altered = ALTERED_TERMS.map(([id, item, expect, change]): Altered<SecretRegistrationDraft> => {
  return [id, item, expect, ({ terms }, world) => ({ terms: { ...terms, ...change(terms, world) } })];
});

/** Judged where the registration comes first, the trust domain before the network. */
const entityOf =
  (pn: string, domain?: string): Altered<SecretRegistrationDraft>[3] =>
  ({ terms }, { trustDomain }) => ({
    terms: { ...terms, entity: terms.entity.replace(`pn1.${trustDomain}`, `${pn}.${domain ?? trustDomain}`) },
  });
const WRONG_DOMAIN = 'a caller of the wrong trust domain';
const ELSEWHERE: readonly Altered<SecretRegistrationDraft>[] = [
  ['entity of another trust domain', WRONG_DOMAIN, 'TRUST_DOMAIN', entityOf('pn1', 'other.example')],
  ['entity of another trust domain and network', WRONG_DOMAIN, 'TRUST_DOMAIN', entityOf('pn2', 'other.example')],
  ['entity of another network', 'a token for another entity', 'PN_MISMATCH', entityOf('pn2')],
];

interface Again extends Pick<Exchange, 'after'> {
  readonly first: RegistrationRequest;
  readonly second: RegistrationRequest;
  /** Runs once the first was accepted. */
  readonly between?: () => Promise<unknown>;
}

/** Two registrations, of which the second is refused. */
const againRow = (at: RegistrationPort, shown: Shown, arrange: (world: CastWorld) => Promise<Again>): KeyRow =>
  row(shown, at, async (world) => {
    const { first, second, between, after } = await arrange(world);
    const good = () => register(world, at, first).then(between);
    return { good, bad: () => register(world, at, second), after };
  });

const ofProbe = (world: CastWorld, entity?: string): Promise<Token> =>
  world.admit({ form: 'secret', assigner: 'probe', ...(entity !== undefined && { entity }) });
const registrationWith = (world: CastWorld, token: Token, held?: HeldSeed): RegistrationRequest =>
  sealSecretRegistration(secretDraft(world, token, held));

/** What is sent by a stranger who knows all names of an entity, and not its key. */
const byStranger = (world: CastWorld, token: Token, held?: HeldSeed): RegistrationRequest => {
  const draft = secretDraft(world, token, held);
  return sealSecretRegistration({ ...draft, secret: new EntityUserKey(flipped(draft.secret.expose())) });
};

const SPENT = 'a spent token registering again';
const REVOKED = 'a revoked token registering again';
const nothing = () => Promise.resolve();
const revokeKey = ({ operator }: CastWorld, { entity }: Token) => operator.revokeKey(entity);
const revokeToken = ({ operator }: CastWorld, { entity, tokenId }: Token) => operator.revokeAdmission(entity, tokenId);

type Sender = typeof byStranger | 'again';
type TokenEnd = readonly [...Shown, second: Sender, end: typeof revokeToken];
const TOKEN_ENDS: readonly TokenEnd[] = [
  ['another key under a token that registered one', SPENT, 'TOKEN_SPENT', registrationWith, nothing],
  ['wrong confirmation under a token that registered a key', SPENT, MAC, byStranger, nothing],
  ['registration repeated after its key was revoked', SPENT, 'KEY_REVOKED', 'again', revokeKey],
  ['wrong confirmation after the key was revoked', SPENT, MAC, byStranger, revokeKey],
  ['registration repeated after its token was revoked', REVOKED, 'TOKEN_REVOKED', 'again', revokeToken],
  ['another key under a token that was revoked', REVOKED, 'TOKEN_REVOKED', registrationWith, revokeToken],
  ['wrong confirmation under a token that was revoked', REVOKED, MAC, byStranger, revokeToken],
];
const tokenEnd = (at: RegistrationPort, [id, item, reason, sender, end]: TokenEnd): KeyRow =>
  againRow(at, [`${id} (registration)`, item, reason], async (world) => {
    const token = await ofProbe(world);
    const first = registrationWith(world, token);
    const second = sender === 'again' ? first : sender(world, token);
    return { first, second, between: () => end(world, token) };
  });

/** A token that lay about: the device has a younger key when it is used. */
const overLiveKey = (at: RegistrationPort, younger: 'registered' | 'assigned by the Server'): KeyRow => {
  const id = `registration with an older token than that of the live key, ${younger}`;
  return againRow(at, [id, 'a registration over a live key', 'LIVE_KEY'], async (world) => {
    const old = await ofProbe(world);
    const second = registrationWith(world, old);
    if (younger === 'registered') return { first: registrationWith(world, await ofProbe(world, old.entity)), second };
    await assignSecret(world, await world.admit({ form: 'secret', entity: old.entity, assigner: 'server' }));
    // the 1st seed has not seen this entity: a refusal must not count it
    return { first: await freshRegistration(world), second };
  });
};

const DERIVED = 'token of the Server with a key that a gateway derived';
/** The Server assigned nothing that a gateway may register in its place. */
const serverToken = (at: RegistrationPort): KeyRow =>
  againRow(at, [DERIVED, ASSIGNER, OTHER_ASSIGNER], async (world) => {
    const token = await world.admit({ form: 'secret', assigner: 'server' });
    const second = registrationWith(world, token);
    return { first: await freshRegistration(world), second, after: () => assignSecret(world, token) };
  });

/** What the gateway under test itself derived, altered on its way (EUK-GW-S step 6). */
const fromRunningGateway = (at: RegistrationPort): KeyRow =>
  againRow(at, ['second seed of the running gateway with one bit changed', SECOND, MAC], async (world) => {
    const made = async () => {
      const token = await world.admit({ form: 'secret', assigner: 'gateway' });
      return registrationOf(token, await assignSecret(world, token), world.gatewayUri);
    };
    const own = await made();
    return {
      first: sealSecretRegistration(await made()),
      second: sealSecretRegistration({ ...own, terms: { ...own.terms, ...oneBit(own.terms, world) } }),
      after: () => register(world, at, sealSecretRegistration(own)),
    };
  });

/** The time that one of these 1st seeds lives, milliseconds; over the wire all rows wait at the same time. */
const SHORT_MS = 5_000;
const HOUR_MS = duration(1, 'hour');
type SeedEnd = readonly [
  id: string,
  ended: 'spent' | 'expired' | 'revoked',
  reason: Reason,
  maxEntities: number,
  registerFor: number,
  end: (world: CastWorld, firstSeedId: string) => Promise<unknown>,
  second?: typeof byStranger,
];
const revokeSeed: SeedEnd[5] = ({ operator, probe }, firstSeedId) =>
  operator.enrolment.revokeFirstSeed({ gateway: probe.uri, firstSeedId });
const expire: SeedEnd[5] = (world) => world.pass(SHORT_MS + 2_000);
const SEED_ENDS: readonly SeedEnd[] = [
  ['first seed that has served as many as it may', 'spent', 'FIRST_SEED_SPENT', 1, HOUR_MS, nothing],
  ['first seed whose places are taken, and a wrong confirmation', 'spent', MAC, 1, HOUR_MS, nothing, byStranger],
  ['first seed past register-until', 'expired', 'FIRST_SEED_EXPIRED', 10, SHORT_MS, expire],
  ['first seed that an operator revoked', 'revoked', 'FIRST_SEED_REVOKED', 10, HOUR_MS, revokeSeed],
  ['first seed that was revoked, and a wrong confirmation', 'revoked', MAC, 10, HOUR_MS, revokeSeed, byStranger],
];

/** Q2: gives the test's gateway one more 1st seed, with limits of its own. */
async function importSeed({ operator, probe }: CastWorld, maxEntities: number, until: bigint): Promise<HeldSeed> {
  const [firstSeedId, firstSeed] = [`imported-${randomBytes(6).toString('hex')}`, randomBytes(32)];
  const limits = { assignUntil: until, registerUntil: until, maxEntities };
  await operator.enrolment.importFirstSeed({ gateway: probe.uri, firstSeedId, firstSeed, ...limits });
  return { firstSeedId, seed: new FirstSeed(firstSeed) };
}

/** Two entities whose keys come from one 1st seed, which ends between their registrations. */
const seedEnd = (
  at: RegistrationPort,
  [id, ended, reason, maxEntities, registerFor, end, sender = registrationWith]: SeedEnd,
): KeyRow =>
  againRow(at, [`${id} (registration)`, `a first seed that is ${ended}`, reason], async (world) => {
    const [one, two] = [await ofProbe(world), await ofProbe(world)];
    const held = await importSeed(world, maxEntities, BigInt(world.now() + registerFor));
    const between = () => end(world, held.firstSeedId);
    return { first: registrationWith(world, one, held), second: sender(world, two, held), between };
  });

export const REGISTRATION_ROWS: readonly KeyRow[] = [
  ...secretRows(altered),
  ...secretRows(ELSEWHERE),
  ...TOKEN_AND_SERVER.flatMap((at) => [
    ...TOKEN_ENDS.map((one) => tokenEnd(at, one)),
    overLiveKey(at, 'registered'),
    overLiveKey(at, 'assigned by the Server'),
    serverToken(at),
    ...SEED_ENDS.map((one) => seedEnd(at, one)),
  ]),
  fromRunningGateway('gateway token'),
  fromRunningGateway('gateway certificate'),
];
