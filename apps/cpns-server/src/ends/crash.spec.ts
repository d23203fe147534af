/**
 * A process that dies before or after each of the commits of an end: another one carries it through, to the gateways and to
 * SMF, or it never was.
 */
import { RevocationKind } from '@cpns/contracts';
import { perTest } from '@cpns/core/testing';
import { outcomeOf } from '@cpns/platform/testing';
import { deathsAt, type Failure } from '@cpns/store/testing';
import type { TestingModule } from '@nestjs/testing';
import { A, EndsBench, SECOND } from '../testing/ends-bench';
import { GW } from '../testing/world';
import { RetireGateway, RetirementsLoop } from './retire-gateway';

const bench = perTest(new EndsBench());

interface Case {
  /** In order. */
  readonly commits: readonly string[];
  /** The number of the one that decides. */
  readonly decides: number;
  readonly key: { readonly assigner?: string; readonly user?: string };
  readonly end: (on: TestingModule) => Promise<unknown>;
  /** Life and key of A, what a gateway and what SMF are told in the end. */
  readonly state: readonly unknown[];
  readonly entry: string;
  readonly told: string;
}

const TELLING = ['entry', 'entry', 'gateways told'];
const ENTITY = ['due at SMF', 'due at gateways', 'key', ...TELLING];
const GATEWAY = ['due at SMF', 'certificate', 'due at gateways', 'identity', 'entry', 'gateways told'];
/** An index is filled when a process reads it first. */
const ASSIGNED = ['index', 'due at SMF', 'key', 'gateway done', 'SMF told'];
const ENDED = [2n, 'revoked'];

const CASES: Readonly<Record<string, Case>> = {
  'a revocation of an entity': {
    commits: [...ENTITY, 'SMF told'],
    decides: 3,
    key: {},
    end: (on) => bench.revoke({ entity: A }, on),
    state: ENDED,
    entry: `credential.${A}.2`,
    told: `revoke ${A} 1 2`,
  },
  'a suspension': {
    commits: [...ENTITY, 'SMF told'],
    decides: 3,
    key: {},
    end: (on) => bench.revoke({ entity: A, kind: RevocationKind.REVOCATION_KIND_SUSPEND, keepGrace: true }, on),
    state: [1n, 'suspended'],
    entry: `credential.${A}.2`,
    told: `suspend with grace ${A} 1 2`,
  },
  'a revocation of a gateway': {
    commits: [...GATEWAY, ...ASSIGNED],
    decides: 4,
    key: { assigner: GW },
    end: (on) => bench.revoke({ entity: GW }, on),
    state: ENDED,
    entry: `assigner.${GW}.2`,
    told: `revoke ${A} 1 2`,
  },
  'a revocation of a user': {
    commits: ['index', 'decision', ...ENTITY, 'user done', 'SMF told'],
    decides: 2,
    key: { user: 'alice' },
    end: (on) => bench.revoke({ user: 'alice', keepGrace: true }, on),
    state: ENDED,
    entry: `credential.${A}.2`,
    told: `revoke with grace ${A} 1 2`,
  },
  'a retirement': {
    commits: [...GATEWAY, ...ASSIGNED, 'date'],
    decides: 4,
    key: { assigner: GW },
    end: (on) => on.get(RetirementsLoop).round(),
    state: ENDED,
    entry: `assigner.${GW}.2`,
    told: `revoke with grace ${A} 1 2`,
  },
};

/** After one commit is before the next. */
const deathsOf = ({ length }: readonly string[]): Failure[] =>
  deathsAt(length).filter(({ at, when }) => when === 'before' || at === length);

async function begin({ key }: Case): Promise<void> {
  await bench.setKey(A, key);
  if (key.assigner === undefined) return;
  const at = BigInt(bench.clock.now() + 1_000);
  await bench.on.get(RetireGateway).execute({ entity: GW, at }, Date.now() + 1_000);
  bench.clock.advance(2_000);
  bench.smf.requests.splice(0);
}

describe.each(Object.entries(CASES))('%s', (_name, one) => {
  it('commits so many times when no process dies, and leaves nothing to do', async () => {
    await begin(one);
    const commits = jest.spyOn(bench.store, 'commit');
    await one.end(await bench.start());
    expect(commits).toHaveBeenCalledTimes(one.commits.length);
    expect(await bench.stateOf(A)).toEqual(one.state);
    expect([await bench.logOf(SECOND), bench.smf.told, await bench.due()]).toEqual([[one.entry], [one.told], []]);
  });

  it.each(deathsOf(one.commits))(
    'is carried through by another process, or never was: $when commit $at',
    async (failure) => {
      await begin(one);
      expect(await outcomeOf(one.end(await bench.start(failure)))).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
      await bench.carryOn();
      const isDecided = failure.at > one.decides;
      expect(await bench.stateOf(A)).toEqual(isDecided ? one.state : [1n, 'live']);
      expect([await bench.logOf(SECOND), bench.smf.told]).toEqual(isDecided ? [[one.entry], [one.told]] : [[], []]);
      await bench.carryOn(3_700_000);
      expect(await bench.due()).toEqual([]);
    },
  );
});
