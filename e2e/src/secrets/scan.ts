/** Bytes to look for, and what they are. */
export interface Needle {
  /** Never the secret itself: this is printed. */
  readonly what: string;
  readonly bytes: Buffer;
  /** Where they may be, of what is no secret and still has no business elsewhere. */
  readonly belongs?: RegExp;
}

/** Bytes to look in, and where they are from. */
export interface Haystack {
  readonly where: string;
  readonly bytes: Buffer;
}

interface Finding {
  readonly what: string;
  readonly where: string;
  readonly encoding: string;
}

/**
 * The characters of base64 that depend on the secret alone when `before` bytes of something else stand before it: four
 * characters hold three bytes, so that a secret looks different at each of three places.
 */
function aligned(secret: Buffer, before: number, alphabet: 'base64' | 'base64url'): string {
  const encoded = Buffer.concat([Buffer.alloc(before), secret])
    .toString(alphabet)
    .replace(/=+$/, '');
  return encoded.slice(Math.ceil((before * 4) / 3), Math.floor(((before + secret.length) * 4) / 3));
}

/** The forms in which bytes leave a program by mistake; bytes beside the secret in the same text do not hide it. */
export const ENCODINGS: readonly (readonly [name: string, encode: (secret: Buffer) => Buffer | string])[] = [
  ['raw', (secret) => secret],
  ['hex, lower case', (secret) => secret.toString('hex')],
  ['hex, upper case', (secret) => secret.toString('hex').toUpperCase()],
  ...(['base64', 'base64url'] as const).flatMap((alphabet) =>
    [0, 1, 2].map((before) => {
      const encode = (secret: Buffer) => aligned(secret, before, alphabet);
      return [`${alphabet}, alignment ${before}`, encode] as const;
    }),
  ),
  ['decimal array', (secret) => secret.join(',')],
  ['decimal array, spaced', (secret) => secret.join(', ')],
  ['Buffer JSON', (secret) => JSON.stringify(secret).replace(/^\{"type":"Buffer","data":\[|\]\}$/g, '')],
];

/** Looks for every needle in every encoding in every haystack, except where it belongs. */
export const scan = (needles: readonly Needle[], haystacks: readonly Haystack[]): Finding[] =>
  needles.flatMap(({ what, bytes, belongs }) =>
    ENCODINGS.flatMap(([encoding, encode]) => {
      const pattern = encode(bytes);
      return haystacks
        .filter((one) => belongs?.test(one.where) !== true && one.bytes.includes(pattern))
        .map(({ where }) => ({ what, where, encoding }));
    }),
  );
