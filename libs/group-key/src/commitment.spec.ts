import { GroupKey } from '@cpns/core';
import { flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import { deriveGroupKeyCommitment, requireCommitment, type Committed } from './envelope';

const random = new SeededRandom('commitment');
const groupKey = new GroupKey(random.bytes(32));
const commitment = deriveGroupKeyCommitment(groupKey, 'living-room', 7n);
const committed: Committed = { groupId: 'living-room', version: 7n, commitment };

describe('the commitment to a Group Key', () => {
  it.each<[string, Partial<Committed>, string]>([
    ['the same key, group and version', {}, 'accepted'],
    ['another group', { groupId: 'living-roon' }, 'COMMITMENT_MISMATCH'],
    ['another version', { version: 8n }, 'COMMITMENT_MISMATCH'],
    ['another commitment', { commitment: flipped(commitment, -1) }, 'COMMITMENT_MISMATCH'],
    ['part of the commitment', { commitment: commitment.subarray(0, 31) }, 'COMMITMENT_MISMATCH'],
    ['a deleted group', { commitment: Buffer.alloc(0) }, 'COMMITMENT_MISMATCH'],
  ])('%s', (_what, edit, reason) => {
    expect(reasonOf(() => requireCommitment(groupKey, { ...committed, ...edit }))).toBe(reason);
  });

  it('no other key fits it', () => {
    expect(reasonOf(() => requireCommitment(new GroupKey(random.bytes(32)), committed))).toBe('COMMITMENT_MISMATCH');
  });
});
