/** 1st seeds that end, at the Server: by count, by time, by an operator (Q8). */
import { EnrolmentServiceService, type RegistrationRequest } from '@cpns/contracts';
import { duration, FirstSeed } from '@cpns/core';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sealSecretRegistration } from '../../support/drafts';
import type { HeldSeed, TestGateway } from '../../support/test-gateway';
import { row, type Item, type Row } from '../row';
import type { World } from '../world';
import { register, secretDraft, type RegistrationPort } from './registration-stage';

interface SeedLimits {
  readonly maxEntities?: number;
  /** Milliseconds from now. */
  readonly registerFor?: number;
}

/** Q2: gives a gateway of the suite's one more 1st seed, with limits of its own. */
async function importSeed(world: World, gateway: TestGateway, limits: SeedLimits = {}): Promise<HeldSeed> {
  const { maxEntities = 10, registerFor = duration(1, 'hour') } = limits;
  const held = { firstSeedId: `imported-${randomBytes(6).toString('hex')}`, seed: new FirstSeed(randomBytes(32)) };
  const until = BigInt(Date.now() + registerFor);
  await world.wire('Server certificate', 'operator').call(EnrolmentServiceService.importFirstSeed, {
    gateway: gateway.uri,
    firstSeedId: held.firstSeedId,
    firstSeed: held.seed.expose(),
    assignUntil: until,
    registerUntil: until,
    maxEntities,
  });
  return held;
}

interface SeedEnds {
  readonly id: string;
  readonly item: Item;
  readonly reason: 'FIRST_SEED_SPENT' | 'FIRST_SEED_EXPIRED' | 'FIRST_SEED_REVOKED';
  readonly limits: SeedLimits;
  /** Runs after the first registration. */
  readonly end: (world: World, held: HeldSeed) => Promise<unknown>;
}

/** The time that one of these 1st seeds lives; all rows wait at the same time. */
const SHORT_MS = 5_000;

const SEED_ENDS: readonly SeedEnds[] = [
  {
    id: 'first seed that has served as many as it may',
    item: 'a first seed that is spent',
    reason: 'FIRST_SEED_SPENT',
    limits: { maxEntities: 1 },
    end: () => Promise.resolve(),
  },
  {
    id: 'first seed past register-until',
    item: 'a first seed that is expired',
    reason: 'FIRST_SEED_EXPIRED',
    limits: { registerFor: SHORT_MS },
    end: () => sleep(SHORT_MS),
  },
  {
    id: 'first seed that an operator revoked',
    item: 'a first seed that is revoked',
    reason: 'FIRST_SEED_REVOKED',
    limits: {},
    end: ({ deployment, probe }, { firstSeedId }) =>
      deployment.operator.enrolment.revokeFirstSeed({ gateway: probe.uri, firstSeedId }),
  },
];

interface TwoKeys {
  readonly world: World;
  readonly first: RegistrationRequest;
  readonly second: RegistrationRequest;
  readonly end: () => Promise<unknown>;
}

/** Two entities whose keys come from one 1st seed, which ends between their registrations. */
const seedRow = ({ id, item, reason, limits, end }: SeedEnds, at: RegistrationPort): Row =>
  row<TwoKeys>({
    id: `${id} (registration)`,
    item,
    clause: 'Q8',
    at,
    expect: { code: 'FAILED_PRECONDITION', reason },
    arrange: async (world) => {
      const admit = () => world.admit({ form: 'secret', assigner: 'probe' });
      const tokens = await Promise.all([admit(), admit()]);
      const held = await importSeed(world, world.probe, limits);
      const [first, second] = tokens.map((token) => sealSecretRegistration(secretDraft(world, token, held)));
      if (first === undefined || second === undefined) throw new Error('two were admitted');
      return { world, first, second, end: () => end(world, held) };
    },
    good: async ({ world, first, end }) => {
      await register(world, at, first);
      await end();
    },
    bad: ({ world, second }) => register(world, at, second),
  });

const PORTS = ['gateway token', 'Server certificate'] as const satisfies readonly RegistrationPort[];
const rowsOf = (wanted: (spec: SeedEnds) => boolean): Row[] =>
  PORTS.flatMap((at) => SEED_ENDS.filter(wanted).map((spec) => seedRow(spec, at)));
const byTime = ({ reason }: SeedEnds): boolean => reason === 'FIRST_SEED_EXPIRED';

export const FIRST_SEED_ROWS: readonly Row[] = rowsOf((spec) => !byTime(spec));
/** Rows that wait until a 1st seed is over. */
export const EXPIRED_SEED_ROWS: readonly Row[] = rowsOf(byTime);
