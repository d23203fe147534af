/** Who is refused which version of a Group Key (GK-PULL step 3): the same for the CPNS Server and for a gateway. */
export interface History {
  readonly id: string;
  /** In which of versions 1, 2 and 3 of the group the entity is a recipient. */
  readonly given: readonly [boolean, boolean, boolean];
  /** That is pulled; 0 for the newest. */
  readonly version: bigint;
  /** `CODE/REASON` */
  readonly expect: string;
}

const NOT_A_MEMBER = 'PERMISSION_DENIED/NOT_A_MEMBER';
const NOT_GIVEN = 'PERMISSION_DENIED/VERSION_NOT_GIVEN';
const NO_SUCH_VERSION = 'NOT_FOUND/NOT_FOUND';
const [NEVER, ALWAYS] = [
  [false, false, false],
  [true, true, true],
] as const;

const of = (id: string, given: History['given'], version: bigint, expect: string): History => ({
  id,
  given,
  version,
  expect,
});

export const HISTORIES: readonly History[] = [
  of('a stranger', NEVER, 0n, NOT_A_MEMBER),
  of('a stranger, by version', NEVER, 2n, NOT_A_MEMBER),
  of('a leaver, the newest', [true, false, false], 0n, NOT_A_MEMBER),
  of('a leaver, the version that it left with', [true, true, false], 3n, NOT_GIVEN),
  of('a leaver, a version long after', [true, false, false], 3n, NOT_GIVEN),
  of('a joiner, the version before', [false, false, true], 2n, NOT_GIVEN),
  of('a joiner, the first version', [false, true, true], 1n, NOT_GIVEN),
  of('one that came back, the version between', [true, false, true], 2n, NOT_GIVEN),
  of('a member, a version to come', ALWAYS, 4n, NO_SUCH_VERSION),
  of('a member, version 2^64 - 1', ALWAYS, 2n ** 64n - 1n, NO_SUCH_VERSION),
];

/**
 * The changes of membership that make version 2 and 3: where the entity stays what it is, another comes or goes.
 * @returns for each, who comes and who goes
 */
export function changesOfHistory({ given }: History, entity: string, other: string) {
  const isIn = new Map([
    [entity, given[0]],
    [other, false],
  ]);
  return given.slice(1).map((wanted) => {
    const one = isIn.get(entity) === wanted ? other : entity;
    const joins = isIn.get(one) !== true;
    isIn.set(one, joins);
    return { joined: joins ? [one] : [], left: joins ? [] : [one] };
  });
}
