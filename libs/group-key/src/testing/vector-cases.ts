/**
 * The inputs of the frozen vectors, in the shape in which they stand in `vectors/*.json`: text as it is, bytes in hex,
 * times as numbers (milliseconds), other u64 as decimal text.
 */
import { createHash } from 'node:crypto';

export type Values = Readonly<Record<string, string | number>>;
export interface VectorInput {
  readonly name: string;
  readonly input: Values;
}

/** Reproducible bytes that look random. */
export const bytesNamed = (name: string, size: number): string => {
  let out = Buffer.alloc(0);
  for (let block = 0; out.length < size; block += 1)
    out = Buffer.concat([out, createHash('sha256').update(`cpns group vector ${name} ${block}`).digest()]);
  return out.subarray(0, size).toString('hex');
};

interface Situation {
  readonly name: string;
  readonly groupId: string;
  readonly version: string;
  readonly previous: string;
  readonly entity: string;
  readonly time: number;
  readonly counter: string;
  readonly plaintextBytes: number;
}

const U64_MAX = '18446744073709551615';
const longDomain = ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(62)].join('.');
const ordinary: Situation = {
  name: 'an ordinary PNE',
  groupId: 'living-room',
  version: '1',
  previous: '0',
  entity: 'cpns://pn1.example.net/pne/camera-1',
  time: 1_795_000_000_000,
  counter: '0',
  plaintextBytes: 77,
};

const situations: readonly Situation[] = [
  ordinary,
  { ...ordinary, name: 'a later version', version: '42', previous: '41', counter: '1', plaintextBytes: 1_024 },
  { ...ordinary, name: 'a target PN GW', entity: 'cpns://pn1.example.net/pn-gw/gw-2', counter: '4294967296' },
  {
    name: 'every name of the greatest length, numbers at their upper end',
    groupId: 'g'.repeat(64),
    version: U64_MAX,
    previous: '18446744073709551614',
    entity: `cpns://${'p'.repeat(63)}.${longDomain}/pn-gw/${'e'.repeat(64)}`,
    time: Number.MAX_SAFE_INTEGER,
    counter: U64_MAX,
    plaintextBytes: 16,
  },
  {
    name: 'every name of the least length, numbers at their lower end, no plaintext',
    groupId: '-',
    version: '1',
    previous: '0',
    entity: 'cpns://a.b/pne/c',
    time: 1,
    counter: '0',
    plaintextBytes: 0,
  },
];

const forEach = (make: (situation: Situation) => Values): VectorInput[] =>
  situations.map((situation) => ({ name: situation.name, input: make(situation) }));

export const commitmentCases = forEach(({ name, groupId, version }) => ({
  groupKey: bytesNamed(`group key ${name}`, 32),
  groupId,
  version,
}));

const NOTHING_DIGEST = createHash('sha256').digest('hex');

const statementOf = ({ name, groupId, version, previous, time }: Situation): Values => ({
  groupId,
  version,
  previous,
  treeEpoch: '0',
  treeRevision: '0',
  activateAt: time,
  sealUntil: time,
  commitment: bytesNamed(`commitment ${name}`, 32),
  sharedDigest: NOTHING_DIGEST,
});

export const statementCases: VectorInput[] = [
  ...forEach(statementOf),
  { name: 'the end of a group', input: { ...statementOf(ordinary), version: '2', previous: '1', commitment: '' } },
  {
    name: 'with a key tree',
    input: {
      ...statementOf(ordinary),
      treeEpoch: '3',
      treeRevision: U64_MAX,
      sharedDigest: bytesNamed('shared digest', 32),
    },
  },
];

export const envelopeCases = forEach(({ name, groupId, version, entity }) => ({
  entityUserKey: bytesNamed(`S ${name}`, 32),
  groupId,
  version,
  entity,
  groupKey: bytesNamed(`group key ${name}`, 32),
}));

const contentOf = ({ name, groupId, version, entity }: Situation): Values => ({
  groupKey: bytesNamed(`group key ${name}`, 32),
  groupId,
  version,
  sender: entity,
  session: bytesNamed(`session ${name}`, 16),
});

export const contentKeyCases = forEach(contentOf);

export const contentCases: VectorInput[] = forEach((situation) => ({
  ...contentOf(situation),
  counter: situation.counter,
  plaintext: bytesNamed(`plaintext ${situation.name}`, situation.plaintextBytes),
}));
