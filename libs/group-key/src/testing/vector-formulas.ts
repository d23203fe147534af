/**
 * How the library computes each vector: one row per file of `vectors/`. The recomputation that shares nothing with the
 * library is vectors.independent.spec.ts.
 */
import { generateKeyPairSync } from 'node:crypto';
import { EntityUserKey, GroupKey } from '@cpns/core';
import { deriveKeyId, deriveWrapKey } from '@cpns/key-derivation';
import { deriveGroupKeyCommitment } from '../commitment';
import { ContentOpener, deriveContentKey, sealMessage } from '../content';
import { encodeContentHeader, type ContentHeader } from '../content-header';
import { makeEnvelope, openEnvelope } from '../envelope';
import { signStatement, statementBytes, type Statement } from '../statement';
import * as cases from './vector-cases';
import type { Values, VectorInput } from './vector-cases';

/** Typed access to a case's values. */
export class Input {
  constructor(private readonly values: Values) {}

  text(name: string): string {
    const value = this.values[name];
    if (typeof value !== 'string') throw new Error(`the case has no text ${name}`);
    return value;
  }
  bytes(name: string): Buffer {
    return Buffer.from(this.text(name), 'hex');
  }
  big(name: string): bigint {
    return BigInt(this.text(name));
  }
  number(name: string): number {
    const value = this.values[name];
    if (typeof value !== 'number') throw new Error(`the case has no number ${name}`);
    return value;
  }
}

type Output = Readonly<Record<string, string>>;

export interface Formula {
  /** Name of the file, without `.json`. */
  readonly name: string;
  /** As docs/protocol.md has it. */
  readonly formula: string;
  readonly cases: readonly VectorInput[];
  readonly compute: (input: Input) => Output;
  /** The way back, where there is one: what an opener finds; these are fields of the input. */
  readonly reverse?: (output: Input, input: Input) => Values;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const groupKey = (i: Input) => new GroupKey(i.bytes('groupKey'));
const secret = (i: Input) => new EntityUserKey(i.bytes('entityUserKey'));
const envelopeTerms = (i: Input) => ({
  groupId: i.text('groupId'),
  version: i.big('version'),
  entity: i.text('entity'),
});
const contentTerms = (i: Input) => ({
  groupId: i.text('groupId'),
  version: i.big('version'),
  sender: i.text('sender'),
  session: i.bytes('session'),
});
const contentHeader = (i: Input): ContentHeader => ({ ...contentTerms(i), counter: i.big('counter') });

export const statementOf = (i: Input): Statement => ({
  groupId: i.text('groupId'),
  version: i.big('version'),
  previous: i.big('previous'),
  treeEpoch: i.big('treeEpoch'),
  treeRevision: i.big('treeRevision'),
  activateAt: i.number('activateAt'),
  sealUntil: i.number('sealUntil'),
  commitment: i.bytes('commitment'),
  sharedDigest: i.bytes('sharedDigest'),
});

export const formulas: readonly Formula[] = [
  {
    name: 'group-key-commitment',
    formula: 'GKC = HKDF(Group Key, empty, "cpns/v1/gk-commit" LP(group-id) u64(version))',
    cases: cases.commitmentCases,
    compute: (i) => ({ commitment: hex(deriveGroupKeyCommitment(groupKey(i), i.text('groupId'), i.big('version'))) }),
  },
  {
    name: 'group-key-statement',
    formula:
      '"cpns/v1/group-key-statement" LP(group-id) u64(version) u64(previous) u64(tree-epoch) u64(tree-revision) u64(activate-at) u64(seal-until) LP(GKC) LP(SHA-256(shared))',
    cases: cases.statementCases,
    compute: (i) => ({ statement: hex(statementBytes(statementOf(i))) }),
  },
  {
    name: 'envelope',
    formula: '0x01 LP(E) key-id wrap(Group Key), under the wrap key',
    cases: cases.envelopeCases,
    compute: (i) => {
      const keyId = deriveKeyId(secret(i));
      return {
        keyId,
        wrapKey: hex(deriveWrapKey(secret(i), envelopeTerms(i)).expose()),
        envelope: hex(makeEnvelope(secret(i), keyId, envelopeTerms(i), groupKey(i))),
      };
    },
    reverse: (o, i) => {
      const opened = openEnvelope(secret(i), o.text('keyId'), envelopeTerms(i), o.bytes('envelope'));
      return { groupKey: hex(opened.expose()) };
    },
  },
  {
    name: 'content-key',
    formula: 'HKDF(Group Key, session, "cpns/v1/content" LP(group-id) u64(version) LP(sender E))',
    cases: cases.contentKeyCases,
    compute: (i) => ({ contentKey: hex(deriveContentKey(groupKey(i), contentTerms(i)).expose()) }),
  },
  {
    name: 'content',
    formula:
      'header = 0x01 LP(group-id) u64(version) LP(sender E) session u64(counter); message = header, AES-256-GCM(key, nonce = 4 zero bytes u64(counter), aad = header), tag',
    cases: cases.contentCases,
    compute: (i) => {
      const header = encodeContentHeader(contentHeader(i));
      const nonce = Buffer.concat([Buffer.alloc(4), header.subarray(-8)]);
      const key = deriveContentKey(groupKey(i), contentTerms(i));
      const message = sealMessage(key, header, nonce, i.bytes('plaintext'));
      return { header: hex(header), message: hex(message) };
    },
    reverse: (o, i) => {
      const { header, plaintext } = new ContentOpener().open(o.bytes('message'), () => groupKey(i));
      const { groupId, sender } = header;
      const numbers = { version: String(header.version), counter: String(header.counter) };
      return { groupId, sender, ...numbers, session: hex(header.session), plaintext: hex(plaintext) };
    },
  },
];

export const SIGNATURE_FORMULA = 'sign(group-key-statement.json), ECDSA P-256 with SHA-256, in DER';

/** The content of `vectors/group-key-signature.json`: ECDSA is randomised, so these are only verified afterwards. */
export function signatureFile() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = hex(publicKey.export({ format: 'der', type: 'spki' }));
  return {
    formula: SIGNATURE_FORMULA,
    cases: cases.statementCases.map(({ name, input }) => ({
      name,
      input: { ...input, spki },
      output: { signature: hex(signStatement(privateKey, statementOf(new Input(input)))) },
    })),
  };
}
