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

export const HISTORIES: readonly History[] = [
  { id: 'a stranger', given: NEVER, version: 0n, expect: NOT_A_MEMBER },
  { id: 'a stranger, by version', given: NEVER, version: 2n, expect: NOT_A_MEMBER },
  { id: 'a leaver, the newest', given: [true, false, false], version: 0n, expect: NOT_A_MEMBER },
  { id: 'a leaver, the version that it left with', given: [true, true, false], version: 3n, expect: NOT_GIVEN },
  { id: 'a leaver, a version long after', given: [true, false, false], version: 3n, expect: NOT_GIVEN },
  { id: 'a joiner, the version before', given: [false, false, true], version: 2n, expect: NOT_GIVEN },
  { id: 'a joiner, the first version', given: [false, true, true], version: 1n, expect: NOT_GIVEN },
  { id: 'one that came back, the version between', given: [true, false, true], version: 2n, expect: NOT_GIVEN },
  { id: 'a member, a version to come', given: ALWAYS, version: 4n, expect: NO_SUCH_VERSION },
  { id: 'a member, version 2^64 - 1', given: ALWAYS, version: 2n ** 64n - 1n, expect: NO_SUCH_VERSION },
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
