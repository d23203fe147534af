import { createHash } from 'node:crypto';
import type { MemberEnvelope } from '@cpns/contracts';

/** One pushed entry has at most so many envelopes, and so many bytes of them: a message of the channel stays small. */
export const PART_ENVELOPES = 500;
export const PART_BYTES = 160_000;

/** What protobuf adds to an envelope, at most, in bytes. */
const FRAMING = 12;

const sizeOf = ({ entity, own }: MemberEnvelope): number => entity.length + own.length + FRAMING;

/** Envelopes in parts, in order. */
export async function* partsOf(envelopes: AsyncIterable<MemberEnvelope>): AsyncGenerator<readonly MemberEnvelope[]> {
  let part: MemberEnvelope[] = [];
  let bytes = 0;
  for await (const envelope of envelopes) {
    const size = sizeOf(envelope);
    if (part.length === PART_ENVELOPES || (part.length > 0 && bytes + size > PART_BYTES)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(envelope);
    bytes += size;
  }
  if (part.length > 0) yield part;
}

/**
 * Which part of a push it is. By what is in it and not by its number: when a push is repeated after a crash, and a member
 * lost its key meanwhile, the parts are cut elsewhere, and none may be taken for one that is in the log already.
 */
export function partId(groupId: string, version: bigint, part: readonly MemberEnvelope[]): string {
  const digest = createHash('sha256');
  for (const { entity, own } of part) digest.update(entity).update('\0').update(own);
  return `group.${groupId}.${version}.${digest.digest('hex').slice(0, 32)}`;
}
