import { ENCODINGS } from './encodings';

/** Bytes to look for, and what they are. */
export interface Needle {
  /** Never the secret itself: this is printed. */
  readonly what: string;
  readonly bytes: Buffer;
}

/** Bytes to look in, and where they are from. */
export interface Haystack {
  readonly where: string;
  readonly bytes: Buffer;
}

export interface Finding {
  readonly what: string;
  readonly where: string;
  readonly encoding: string;
}

/** Bytes that are no secret, and have no business but in their places. */
export interface Trace extends Needle {
  /** Where they may be. */
  readonly belongs: RegExp;
}

/** Finds traces outside of their places. */
export const strayed = (traces: readonly Trace[], haystacks: readonly Haystack[]): Finding[] =>
  traces.flatMap((trace) =>
    scan(
      [trace],
      haystacks.filter(({ where }) => !trace.belongs.test(where)),
    ),
  );

/** Looks for every needle in every encoding in every haystack. */
export function scan(needles: readonly Needle[], haystacks: readonly Haystack[]): Finding[] {
  const findings: Finding[] = [];
  for (const { what, bytes } of needles)
    for (const { name, encode } of ENCODINGS) {
      const pattern = encode(bytes);
      for (const haystack of haystacks)
        if (haystack.bytes.includes(pattern)) findings.push({ what, where: haystack.where, encoding: name });
    }
  return findings;
}
