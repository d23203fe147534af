/** docs/protocol.md, "Group Key", as the library computes it; apart from the library in vectors.independent.spec.ts. */
import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { EntityUserKey, GroupKey } from '@cpns/core';
import { describeVectors, Fields, reasonOf, type Formula, vectorCases } from '@cpns/core/testing';
import { deriveKeyId, deriveWrapKey } from '@cpns/key-derivation';
import { deriveGroupKeyCommitment, makeEnvelope, openEnvelope } from './envelope';
import { ContentOpener, deriveContentKey, sealMessage } from './content';
import { encodeContentHeader, type ContentHeader } from './content-header';
import { requireStatementSignature, statementBytes, type Statement } from './statement';

const directory = join(__dirname, '../vectors');

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const groupKey = (i: Fields) => new GroupKey(i.bytes('groupKey'));
const secret = (i: Fields) => new EntityUserKey(i.bytes('entityUserKey'));
const envelopeTerms = (i: Fields) => ({
  groupId: i.text('groupId'),
  version: i.big('version'),
  entity: i.text('entity'),
});
const contentTerms = (i: Fields) => ({
  groupId: i.text('groupId'),
  version: i.big('version'),
  sender: i.text('sender'),
  session: i.bytes('session'),
});
const contentHeader = (i: Fields): ContentHeader => ({ ...contentTerms(i), counter: i.big('counter') });

const statementOf = (i: Fields): Statement => ({
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

const FORMULAS: Readonly<Record<string, Formula>> = {
  'group-key-commitment': {
    compute: (i) => ({ commitment: hex(deriveGroupKeyCommitment(groupKey(i), i.text('groupId'), i.big('version'))) }),
  },
  'group-key-statement': { compute: (i) => ({ statement: hex(statementBytes(statementOf(i))) }) },
  envelope: {
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
  'content-key': {
    compute: (i) => ({ contentKey: hex(deriveContentKey(groupKey(i), contentTerms(i)).expose()) }),
  },
  content: {
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
};

describeVectors(directory, FORMULAS, ['group-key-signature']);

describe('signatures, which are randomised and therefore only judged', () => {
  const signatures = vectorCases(directory, 'group-key-signature');

  it('are of every statement', () => {
    const due = vectorCases(directory, 'group-key-statement');
    expect(signatures.map(({ input: { spki, ...input } }) => input)).toEqual(due.map(({ input }) => input));
  });

  it.each([...signatures])('$name', ({ input, output }) => {
    const key = createPublicKey({ key: new Fields(input).bytes('spki'), format: 'der', type: 'spki' });
    const statement = statementOf(new Fields(input));
    const signature = new Fields(output).bytes('signature');
    expect(reasonOf(() => requireStatementSignature(key, statement, signature))).toBe('accepted');
    const another = { ...statement, version: statement.version - 1n };
    expect(reasonOf(() => requireStatementSignature(key, another, signature))).toBe('SIGNATURE_INVALID');
  });
});
